"""Container hosts with systemd, and one Pulumi project with NodeStates on all of them. Its engine is a separate process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import toolchain
from lab import hosts, keys, netns
from lab.context import Lab
from lab.stack import Host
from toolchain import locks

ROOT = Path(__file__).resolve().parents[2]
STACK = "chaos"
UP_SECONDS = 300
PROGRAM = """
import json, pathlib
import pulumi

def marked(value):
    if isinstance(value, dict):
        if value.keys() == {"secret"}:
            return pulumi.Output.secret(value["secret"])
        return {key: marked(one) for key, one in value.items()}
    return [marked(one) for one in value] if isinstance(value, list) else value

for name, inputs in json.loads(pathlib.Path("wanted.json").read_text()).items():
    pulumi.CustomResource("plumbline:index:NodeState", name, {**marked(inputs), "revision": None})
"""


def hidden(text: str) -> dict[str, str]:
    """A text that the program makes a secret."""
    return {"secret": text}


class Fleet:
    """The booted hosts by name, and the project. `wanted` are the inputs of each NodeState by resource name."""

    def __init__(self, lab: Lab, names: Sequence[str]) -> None:
        self.lab, self.names = lab, tuple(names)
        self.addresses = {name: IPv4Address("10.78.0.11") + index for index, name in enumerate(names)}
        self.folder = lab.project / "program"
        (self.folder / "state").mkdir(parents=True)
        self.trace = self.folder / "trace.jsonl"
        provider = {"name": "plumbline", "path": str(ROOT / "provider")}
        runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
        project = {"name": STACK, "runtime": runtime, "plugins": {"providers": [provider]}}
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project))
        (self.folder / "__main__.py").write_text(PROGRAM)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        self.variables = {
            **clean,
            **toolchain.environment(self.folder),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "a passphrase of the state",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PLUMBLINE_TRACE": str(self.trace),
            "PLUMBLINE_PYTHON": str(ROOT / ".venv/bin/python"),
        }
        self.variables.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)

    def boot(self) -> None:
        """Boots the hosts that do not run, and makes the stack if there is none."""
        hosts.up(self.lab, [Host(name, address) for name, address in self.addresses.items()])
        if not (self.folder / "state/.pulumi").exists():
            self.pulumi("stack", "init", STACK)

    def want(self, wanted: Mapping[str, Any]) -> None:
        """Sets the NodeStates that the program registers."""
        (self.folder / "wanted.json").write_text(json.dumps(wanted))

    def connection(self, name: str) -> dict[str, Any]:
        """The connection as NodeState takes it: a user with sudo, and the host's pinned key."""
        key = (self.lab.hosts / name / "ssh_host_ed25519_key.pub").read_text()
        return {
            "host": str(self.addresses[name]),
            "port": 22,
            "user": "core",
            "privateKey": hidden(keys.user_key(self.lab).read_text()),
            "hostKey": " ".join(key.split()[:2]),
        }

    def command(self, *arguments: str) -> list[str]:
        """The command line of `pulumi`, inside the hosts' network."""
        return netns.enter(self.lab, ["pulumi", "--non-interactive", "--color=never", *arguments])

    def start(self, *arguments: str, output: int | Any = subprocess.PIPE) -> subprocess.Popen[str]:
        """Starts a command."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        """The output of a command. Raises AssertionError with it if the command fails, or with `fails` does not."""
        running = self.start(*arguments)
        output, _ = running.communicate(timeout=UP_SECONDS)
        assert (running.returncode != 0) == fails, f"pulumi {' '.join(arguments)}:\n{output}"
        return output

    def unlock(self) -> None:
        """Removes the locks of engines that have ended, as `make up` does."""
        os.environ["PULUMI_BACKEND_URL"] = self.variables["PULUMI_BACKEND_URL"]
        list(locks.clear_stale(self.folder, STACK))

    def operations(self) -> int:
        """How many operations on nodes all runs have begun until now."""
        return self.trace.read_bytes().count(b"\n") if self.trace.exists() else 0

    def processes(self) -> dict[int, str]:
        """The programs by pid that engines of this project started, and the engines."""
        mark = f"PLUMBLINE_TRACE={self.trace}".encode()
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (
                        (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
            except OSError:
                continue
        return found

    def run(self, name: str, script: str) -> str:
        """The output of a script that runs on a host as root. Raises AssertionError if it fails."""
        login = keys.login(self.lab, str(self.addresses[name]), "sudo -n sh -eu")
        done = subprocess.run(
            netns.enter(self.lab, login),
            input=script,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run_each(self, script: str) -> dict[str, str]:
        """Runs a script on every host at once; returns the output of each."""
        with ThreadPoolExecutor(max_workers=len(self.names)) as pool:
            return dict(zip(self.names, pool.map(lambda name: self.run(name, script), self.names), strict=True))


@contextmanager
def booted(number: int) -> Iterator[Fleet]:
    """That many hosts, in their own network namespace. All of it ends with the block, also if this process is terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="plumbline-chaos-") as folder:
        lab = Lab(Path(folder).resolve(), f"chaos-{os.getpid()}")
        netns.ensure(lab)
        fleet = Fleet(lab, [f"n{index + 1}" for index in range(number)])
        os.environ["PATH"] = fleet.variables["PATH"]
        try:
            fleet.boot()
            yield fleet
        finally:
            for pid in fleet.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            hosts.down(lab)
            netns.remove(lab)
