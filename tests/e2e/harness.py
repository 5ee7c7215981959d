"""A copy of the project with its own machines, on which tests run the commands of a user and record their output."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.cache import locked

ROOT = Path(__file__).resolve().parents[2]
SUITE_LOCK = "suite.lock"
"""A lock file in a copy of the project, held while its tests run: it shows which labs a killed run left."""
SUMMARY = re.compile(r"^\s+(?:[+\-~]|\+-)?\s*(\d+)\s+(\w+)", re.MULTILINE)


@dataclass
class Project:
    """The project in its own folder with one stack. `printed` has the output of all commands."""

    path: Path
    stack: str
    # Not shown when a test fails: `machines` has the SSH keys of the tests.
    printed: list[str] = field(default_factory=list, repr=False)
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    machines: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def copy(cls, path: Path, stack: str) -> Project:
        """Copy the files that git knows, and link to this checkout's virtual environment."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if not (ROOT / name).exists():
                continue
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        (path / ".venv").symlink_to(ROOT / ".venv")
        return cls(path, stack)

    def run(self, *command: str, timeout: int = 900, check: bool = True, stdin: str | None = None) -> str:
        """Run a command in the project and return its output, both streams. With `check`, it must succeed."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment(),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        self.printed.append(f"$ {' '.join(command)}\n{done.stdout}")
        if check and done.returncode != 0:
            told = done.stdout.partition("\nOutputs:\n")[0]  # the stack's outputs come after the errors, and are long
            raise AssertionError(f"{' '.join(command)} exited with {done.returncode}:\n{told[-8000:]}")
        return done.stdout

    def make(self, target: str, timeout: int = 1500) -> str:
        """Run a make target for this stack."""
        return self.run("make", "--no-print-directory", target, f"STACK={self.stack}", timeout=timeout)

    def pulumi(self, *arguments: str, timeout: int = 900, check: bool = True) -> str:
        """Run `pulumi` on the stack in the lab's network, where it reaches the nodes."""
        if arguments[0] in ("up", "destroy"):
            self.machines = {}  # the connections may change
        return self.run(*self._pulumi(*arguments), timeout=timeout, check=check)

    def secret_output(self, *arguments: str) -> str:
        """Return the output of `pulumi` with --show-secrets. It is not recorded."""
        done = subprocess.run(
            [*self._pulumi(*arguments), "--show-secrets"],
            cwd=self.path,
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def steps(self, *arguments: str) -> list[tuple[str, str]]:
        """Return the steps of a preview that change something, as (resource name, operation)."""
        text = self.pulumi(*arguments, "--json")
        return [
            (step["urn"].rpartition("::")[2], step["op"])
            for step in json.loads(text[text.index("{") :])["steps"]
            if step["op"] not in ("same", "refresh", "read") and "pulumi:pulumi:Stack" not in step["urn"]
        ]

    def lab(self, *arguments: str, check: bool = True, stdin: str | None = None) -> str:
        """Run a command of the lab."""
        return self.run(*self._lab(*arguments), check=check, stdin=stdin)

    def set(self, key: str, value: str) -> None:
        """Set a configuration value by its path below `plumbline:`."""
        self.pulumi("config", "set", "--path", f"plumbline:{key}", value)

    def set_text(self, key: str, value: str, secret: bool = False) -> None:
        """Set a configuration value, which may be a config secret. The value is in no argument."""
        kind = ["--secret"] if secret else []
        self.run(*self._pulumi("config", "set", *kind, "--path", f"plumbline:{key}"), stdin=value)

    def unset(self, key: str) -> None:
        """Remove a configuration value."""
        self.pulumi("config", "rm", "--path", f"plumbline:{key}")

    def output(self, name: str) -> Any:
        """Return a stack output that is not secret."""
        return json.loads(self.pulumi("stack", "output", name, "--json"))

    def exported(self) -> str:
        """Return the stack's state as it is stored, with encrypted secrets."""
        return self.pulumi("stack", "export")

    def ssh(self, node: str, script: str, timeout: int = 120, check: bool = True) -> str:
        """Run a script as root on a node, with the stack's connection and pinned host key."""
        if node not in self.machines:
            self.machines = json.loads(self.secret_output("stack", "output", "machines", "--json"))
        machine = self.machines[node]["connection"]
        folder = self.path / ".lab" / "test-ssh"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, known = folder / f"{node}.key", folder / f"{node}.known"
        key.touch(mode=0o600)
        key.write_text(machine["privateKey"])
        known.write_text(f"{machine['host']} {machine['hostKey']}\n")
        options = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "BatchMode=yes", "ConnectTimeout=20"]
        command = ["ssh", "-i", str(key), "-p", str(machine["port"])]
        for option in options:
            command += ["-o", option]
        command += [f"{machine['user']}@{machine['host']}", "sudo -n sh -eu"]
        return self.run(*self._lab("exec", "--", *command), stdin=script, timeout=timeout, check=check)

    def started(self, node: str, unit: str = "kubelet.service") -> str:
        """Return when the unit last became active; it changes exactly when the unit is restarted."""
        return self.ssh(node, f"systemctl show -p ActiveEnterTimestampMonotonic --value {unit}").strip()

    def _lab(self, *arguments: str) -> list[str]:
        return [str(self.path / ".venv/bin/python"), "-m", "lab", *arguments]

    def _pulumi(self, *arguments: str) -> list[str]:
        return [
            *self._lab("exec", "--"),
            "pulumi",
            "--non-interactive",
            "--color",
            "never",
            *arguments,
            "-s",
            self.stack,
        ]

    def environment(self) -> dict[str, str]:
        """Return the environment after `make env` in this copy: its own toolchain, state and passphrase."""
        if not self.variables:
            clean = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
            printed = subprocess.run(
                ["bash", "-c", 'eval "$(.venv/bin/python -m toolchain env)" && env -0'],
                cwd=self.path,
                env=clean,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            self.variables = dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)
        return {**self.variables, "PLUMBLINE_TRACE": str(self.trace)}

    @property
    def trace(self) -> Path:
        """The file in which the provider records its remote operations."""
        return self.path / "trace.jsonl"

    def operations(self) -> list[dict[str, Any]]:
        """Return the provider's remote operations since the last call."""
        if not self.trace.exists():
            return []
        lines = self.trace.read_text().splitlines()
        self.trace.unlink()
        return [json.loads(line) for line in lines]


@contextmanager
def running_project(
    folder: Path, stack: str, timeout: int = 1500, edit: Callable[[str], str] = str
) -> Iterator[Project]:
    """Yield a copy of the project below `folder` after `make up`, with the stack's configuration file as `edit` returns it; its
    lab is stopped in any case."""
    project = Project.copy(folder / "plumbline", stack)
    settings = project.path / f"Pulumi.{stack}.yaml"
    settings.write_text(edit(settings.read_text()))
    with locked(project.path / SUITE_LOCK):
        try:
            project.make("up", timeout=timeout)
            yield project
        finally:
            project.lab("down", check=False)


def counts(printed: str) -> dict[str, int]:
    """Return the numbers in the summary of a preview or update, by word: created, updated, unchanged, ..."""
    _, _, summary = printed.rpartition("Resources:")
    return {word: int(number) for number, word in SUMMARY.findall(summary)}


def wait_for(what: str, probe: Any, seconds: int = 120) -> None:
    """Poll `probe` until it is true; fail with `what` after the time limit."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(1)
