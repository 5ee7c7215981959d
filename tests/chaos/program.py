"""The desired states of the chaos runs: per node a service with files of each kind, and a second component that comes and goes."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.fleet import Fleet, hidden
from tests.declared import declared_elsewhere

FOLDER, UNITS = "/etc/chaos", "/etc/systemd/system"
SHARED = "/etc/chaos-shared"
SERVER = """\
#!/bin/sh
. /etc/chaos/server.conf
printf %s "$WORD" >/run/chaos-word
exec sleep infinity
"""
LISTING = """
find /etc/chaos* /etc/systemd/system -path '*/chaos*' | LC_ALL=C sort
find /var/lib/plumbline -type f | LC_ALL=C sort
"""
"""Every path of ours on a node, and every note of ours."""
NOTES = "/var/lib/plumbline"


@dataclass(frozen=True)
class Version:
    """One desired state of all nodes."""

    word: int
    reread: int
    extra: bool
    drop_in: bool
    more: int

    @classmethod
    def random(cls, random: Random, word: int) -> Version:
        """The next version: its word is new, the rest is drawn."""
        return cls(word, random.randrange(3), random.random() < 0.5, random.random() < 0.5, random.randrange(3))

    def states(self, fleet: Fleet) -> dict[str, Any]:
        """The NodeStates of every node by resource name."""
        return {
            f"{node}-{component}": {
                "node": node,
                "connection": fleet.connection(node),
                "declaredElsewhere": {
                    f"{node}-{other}": names
                    for other, names in declared_elsewhere(self.components(), component).items()
                },
                **self.components()[component],
            }
            for node in fleet.names
            for component in self.components()
        }

    def components(self) -> dict[str, Any]:
        """The components of one node."""
        files = {
            f"{FOLDER}/server": text(SERVER, "0755"),
            f"{FOLDER}/server.conf": text(f"WORD={self.word}\n"),
            f"{FOLDER}/reread.conf": text(f"{self.reread}\n"),
            f"{FOLDER}/key": text(hidden(f"a-secret-of-chaos-{self.word}\n"), "0600"),
            f"{UNITS}/chaos.service": text(unit(f"{FOLDER}/server", "ExecReload=/bin/true", "Restart=always")),
            SHARED: {"content": f"managed {self.word}\n", "block": True},
            **{f"{FOLDER}/more-{index}": text(f"{self.word}\n") for index in range(self.more)},
        }
        folders = {FOLDER: {"mode": "0750"}}
        if self.drop_in:
            folders[f"{UNITS}/chaos.service.d"] = {"mode": "0755"}
            files[f"{UNITS}/chaos.service.d/10-own.conf"] = text("[Service]\nEnvironment=OWN=1\n")
        watched = [path for path in files if path.endswith(("server", "server.conf", ".service", "own.conf"))]
        found = {
            "main": {
                "directories": folders,
                "files": files,
                "units": {"chaos.service": {"enabled": True, "active": True}},
                "reactions": [
                    {"unit": "chaos.service", "action": "restart", "files": watched},
                    {"unit": "chaos.service", "action": "reload", "files": [f"{FOLDER}/reread.conf"]},
                ],
                "readiness": [{"unit": "chaos.service", "timeout": 20}],
            }
        }
        if self.extra:
            found["extra"] = {
                "directories": {f"{FOLDER}-extra": {"mode": "0755"}},
                "files": {
                    f"{FOLDER}-extra/note": text(hidden(f"a-note-{self.word}\n"), "0600"),
                    f"{UNITS}/chaos-extra.service": text(unit("/bin/sleep infinity")),
                },
                "units": {"chaos-extra.service": {"enabled": True, "active": True}},
                "reactions": [
                    {"unit": "chaos-extra.service", "action": "restart", "files": [f"{UNITS}/chaos-extra.service"]}
                ],
                "readiness": [],
            }
        return found

    def problems(self, fleet: Fleet) -> list[str]:
        """How any node differs from this version: paths too many or missing, contents, units, notes of unfinished runs."""
        found = []
        wanted = self.components()
        for node, printed in fleet.run_each(LISTING + self._script()).items():
            listing, _, rest = printed.partition("--\n")
            paths = set(listing.splitlines())
            found += [f"{node}: {path} is left" for path in sorted(paths - self._paths(node, wanted))]
            found += [f"{node}: {path} is missing" for path in sorted(self._paths(node, wanted) - paths)]
            expected = self._expected(wanted)
            if rest != expected:
                found.append(f"{node}: found\n{textwrap.indent(rest, '  ')}expected\n{textwrap.indent(expected, '  ')}")
        return found

    @staticmethod
    def _paths(node: str, wanted: dict[str, Any]) -> set[str]:
        paths = {f"{NOTES}/{kind}/{node}-{one}" for kind in ("owned", "whole", "stacks") for one in wanted}
        for component in wanted.values():
            paths |= component["files"].keys() | component["directories"].keys()
            paths |= {f"{UNITS}/multi-user.target.wants/{name}" for name in component["units"]}
        # When which unit was started is a note that stays as long as the unit.
        paths |= {f"{NOTES}/started/{name}" for component in wanted.values() for name in component["units"]}
        return paths

    def _script(self) -> str:
        return (
            "echo --\ncat /run/chaos-word; echo\ngrep -c managed /etc/chaos-shared\ncat /etc/chaos/key /etc/chaos/reread.conf\n"
            "systemctl is-active chaos.service chaos-extra.service || true\nsystemctl show -p NeedDaemonReload chaos.service\n"
            "tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value chaos.service)/environ | grep -c '^OWN=' || true\n"
        )

    def _expected(self, wanted: dict[str, Any]) -> str:
        extra = "active" if "extra" in wanted else "inactive"
        return f"{self.word}\n1\na-secret-of-chaos-{self.word}\n{self.reread}\nactive\n{extra}\nNeedDaemonReload=no\n{int(self.drop_in)}\n"


def text(content: Any, mode: str = "0644") -> dict[str, Any]:
    """A file of root with this content."""
    return {"content": content, "mode": mode, "owner": "root", "group": "root"}


def unit(start: str, *more: str) -> str:
    """The text of a unit's file."""
    return "\n".join(["[Service]", f"ExecStart={start}", *more, "[Install]", "WantedBy=multi-user.target", ""])
