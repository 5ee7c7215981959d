"""`make leak-check`: searches all that a run prints, stores and starts for each of its secrets.

A whole life of NodeStates with many secrets on a container host: preview, saved plan, up, refresh, drift of a secret file,
changed secrets, a service that prints its secrets and fails, a failing hook that prints them, destroy. `--plant` puts one
secret into a public file, which must be found. Needs root, and the engine (`make tools`).
"""

from __future__ import annotations

import argparse
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import keys
from report import drift_formats
from report.__main__ import FORMATS, rendered
from report.build import build
from report.drift import judge
from report.events import read
from tests.chaos import fleet as fleets
from tests.chaos import needles
from tests.chaos.fleet import STACK, Fleet, hidden
from tests.chaos.needles import Haystack
from tests.chaos.program import UNITS, text, unit

FOLDER = "/etc/leaks"
NODE = "n1"
SERVICE = "leaks.service"
QUIET = "#!/bin/sh\nexec sleep infinity\n"
TELLS = """#!/bin/sh
# Prints every secret, whole, in base64 at each alignment, in parts and inside lines; to the journal and by logger.
for file in /etc/leaks/secret-*; do
  cat "$file"; echo "found: $(head -c 300 "$file" | tr '\\n' ' ')"; base64 -w 0 "$file"; echo
  { printf x; cat "$file"; } | base64 -w 0; echo; { printf xx; cat "$file"; } | base64 -w 60; echo
done
grep -h password /etc/leaks/secret-* >&2
exit 1
"""
SAMPLER = """
rm -f /run/leaks-stop; : >/run/leaks-argv
(while [ ! -e /run/leaks-stop ]; do
  for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <"$file"; echo; done 2>/dev/null >>/run/leaks-argv
  sleep 0.05
done) >/dev/null 2>&1 </dev/null &
"""


class LeakCheck:
    """The runs, and everything that they leave, in `haystack`."""

    def __init__(self, fleet: Fleet, plant: bool) -> None:
        self.fleet, self.plant = fleet, plant
        self.haystack = Haystack()
        self.secrets: dict[str, str] = {"connection key": keys.user_key(fleet.lab).read_text()}

    def run(self) -> None:
        """The whole life. Raises AssertionError where a run does not end as it should."""
        stop = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(stop,))
        sampler.start()
        self.fleet.run(NODE, SAMPLER)
        try:
            self._life()
        finally:
            stop.set()
            sampler.join()
            argv = self.fleet.run(
                NODE, "touch /run/leaks-stop; cat /run/leaks-argv; journalctl -q --no-pager _COMM=sudo || true"
            )
            self.haystack.add("command lines on the node", argv)
        for file in self.fleet.folder.rglob("*"):
            if file.is_file() and file.name not in ("wanted.json",) and "__pycache__" not in file.parts:
                self.haystack.add(f"the file {file.relative_to(self.fleet.folder)}", file.read_bytes())

    def _life(self) -> None:
        first, second, third = (needles.make(version) for version in (1, 2, 3))
        self._want(first)
        self._pulumi("preview", "--diff")
        self._pulumi("preview", "--json")
        self._pulumi("preview", "--save-plan=plan.json")
        self._pulumi("up", "--yes", "--plan=plan.json")
        self._pulumi("preview", "--refresh", "--diff")
        self._pulumi("refresh", "--yes", "--diff")
        # Another secret of ours is put into a secret file and into a public one by hand.
        self.fleet.run(NODE, f"cat {FOLDER}/secret-1 >{FOLDER}/secret-0; cp {FOLDER}/secret-1 {FOLDER}/public")
        self._pulumi("preview", "--refresh", "--diff")
        self._pulumi("up", "--yes", "--refresh", "--diff")
        self._want(second)
        self._pulumi("preview", "--diff", "--save-plan=plan-2.json")
        self._pulumi("up", "--yes", "--diff")
        self._want(third, program=TELLS)
        self._pulumi("up", "--yes", "--diff", fails=True)
        self._pulumi("up", "--yes", "--refresh", "--json", fails=True)
        self._want(second, hook=f"cat {FOLDER}/secret-*; base64 -w 0 {FOLDER}/secret-1 >&2; exit 1")
        self._pulumi("up", "--yes", "--refresh")
        self._pulumi("destroy", "--yes", fails=True)
        self._want(second)
        self._pulumi("up", "--yes", "--refresh")
        self._pulumi("stack", "export")
        self._pulumi("stack", "output", "--json")
        self._pulumi("destroy", "--yes", "--diff")

    def _want(self, secrets: dict[str, str], program: str = QUIET, hook: str = "") -> None:
        self.secrets |= secrets
        files: dict[str, Any] = {
            f"{FOLDER}/secret-{index}": text(hidden(secret), "0600") for index, secret in enumerate(secrets.values())
        }
        watched = [f"{FOLDER}/server", f"{FOLDER}/secret-0"]
        files |= {
            f"{FOLDER}/server": text(program, "0755"),
            f"{FOLDER}/public": text("nothing to hide\n"),
            f"{UNITS}/{SERVICE}": text(unit(f"{FOLDER}/server", "Restart=always")),
        }
        if self.plant:
            files[f"{FOLDER}/planted"] = text(f"x: {next(iter(secrets.values()))}")
        inputs = {
            "node": NODE,
            "connection": self.fleet.connection(NODE),
            "directories": {FOLDER: {"mode": "0750"}},
            "files": files,
            "units": {SERVICE: {"enabled": True, "active": True}},
            "reactions": [{"unit": SERVICE, "action": "restart", "files": watched}],
            "readiness": [{"unit": SERVICE, "timeout": 10, "http": "http://127.0.0.1:1/"}]
            if program == TELLS
            else [{"unit": SERVICE, "timeout": 20}],
            "preDelete": [{"unit": SERVICE, "script": hook}] if hook else [],
        }
        self.fleet.want({f"{NODE}-leaks": inputs})

    def _pulumi(self, *arguments: str, fails: bool = False) -> None:
        name = " ".join(arguments)
        print(f"pulumi {name}", flush=True)
        log = self.fleet.folder / f"events-{len(self.haystack.texts)}.json"
        events = () if arguments[0] == "stack" else (f"--event-log={log.name}",)
        self.haystack.add(f"the output of {name}", self.fleet.pulumi(*arguments, *events, fails=fails))
        if log.exists():
            self._report(name, log)
        state = self.fleet.folder / f"state/.pulumi/stacks/{STACK}/{STACK}.json"
        self.haystack.add(f"the state after {name}", state.read_bytes() if state.exists() else b"")

    def _report(self, name: str, log: Path) -> None:
        """Every format of the report, and of the drift check."""
        with log.open() as lines:
            stream = read(lines)[-1]
        report = build(stream)
        for form in ("terminal", *FORMATS):
            self.haystack.add(f"the report of {name}, as {form}", rendered(report, form).encode())
        found = judge(report, stream.policy, datetime.now(UTC))
        printed = (drift_formats.text(found), drift_formats.issue(found), drift_formats.to_json(found))
        self.haystack.add(f"the drift of {name}", "".join(printed).encode())
        self.haystack.add(f"the metrics of {name}", drift_formats.metrics(found, report).encode())

    def _sample(self, stop: threading.Event) -> None:
        seen = set()
        while not stop.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_bytes())
                except OSError:
                    continue
        self.haystack.add("command lines on this machine", b"\n".join(line.replace(b"\0", b" ") for line in seen))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.leaks", description=__doc__)
    parser.add_argument("--plant", action="store_true", help="put one secret into a public file: it must be found")
    chosen = parser.parse_args()
    with fleets.booted(1) as fleet:
        check = LeakCheck(fleet, chosen.plant)
        check.run()
        found = check.haystack.leaks(check.secrets)
    print("\n".join(found))
    print(f"leaks: {len(found)} of {len(check.secrets)} secrets in {check.haystack.size} bytes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
