"""Booted container hosts of the stack `hosts`: a copy of the project with its lab, and root's shell on each host."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab import keys, netns, stack
from lab.context import Lab
from lab.mirror import PORT
from tests.e2e.harness import ROOT, Project

STACK = "hosts"
MIRROR = f"http://{stack.HOST_GATEWAY}:{PORT}"
END_SECONDS = 20
LAB_SECONDS = 300
SCRIPT_SECONDS = 180
SHOWN = 2000
"""Characters of a failed command's output in its error."""


class Failed(Exception):
    """A command that failed or took too long, and the end of its output."""


def bounded(
    command: Sequence[str],
    seconds: float,
    folder: Path = ROOT,
    variables: Mapping[str, str] | None = None,
    stdin: str = "",
    shown: str = "",
) -> str:
    """Runs a command in its own session and returns its output, both streams. Raises Failed.

    All processes of the session are ended if it takes longer than `seconds`, or if this program is interrupted. `shown` is the
    command's name in an error.
    """
    name = shown or " ".join(command[:6])
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(stdin, timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        raise Failed(f"{name} did not end within {seconds:.0f} s") from None
    except BaseException:
        _end(process)
        raise
    if process.returncode != 0:
        raise Failed(f"{name} ended with {process.returncode}: {printed.strip()[-SHOWN:]}")
    return printed


def _end(process: subprocess.Popen[str]) -> None:
    """Ends all processes of a session: the engine gets the time to end its plugins, which are in other sessions."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + END_SECONDS
        with suppress(ProcessLookupError):
            # Once: a second SIGTERM would make the engine give up at once.
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.2)


@dataclass(frozen=True)
class Hosts:
    """The hosts of one run, by name, in the order of the stack; nothing of a cluster is on them."""

    project: Project
    addresses: Mapping[str, str]
    control_plane: tuple[str, ...]
    workers: tuple[str, ...]

    @property
    def lab(self) -> Lab:
        """Their lab."""
        return Lab.of(self.project.path)

    def root(self, host: str, script: str, seconds: float = SCRIPT_SECONDS) -> str:
        """Runs a script as root on a host and returns its output. Raises Failed."""
        login = keys.login(self.lab, self.addresses[host], "sudo -n sh -eu")
        first = script.strip().split("\n", 1)[0][:80]
        return bounded(netns.enter(self.lab, login), seconds, stdin=script, shown=f"{host}: {first}")

    def each(self, scripts: Mapping[str, str], seconds: float = SCRIPT_SECONDS) -> dict[str, str]:
        """Runs a script per host, on all at once; returns their outputs. Raises Failed."""
        with ThreadPoolExecutor(max_workers=len(scripts)) as pool:
            futures = {host: pool.submit(self.root, host, script, seconds) for host, script in scripts.items()}
            return {host: future.result() for host, future in futures.items()}

    def run(self, command: Sequence[str], seconds: float) -> str:
        """Runs a command in the copy of the project and returns its output. Raises Failed."""
        return bounded(command, seconds, self.project.path, self.project.environment())

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command line of a module of the copied project."""
        return [".venv/bin/python", "-m", module, *arguments]


@contextmanager
def booted(folder: Path) -> Iterator[Hosts]:
    """Boots the hosts of the stack in a copy of the project, with the lab's mirror. In the end all of it is stopped."""
    project = Project.copy(folder, STACK)
    configured = stack.load_config(project.path, STACK)
    addresses = {host.name: str(host.address) for host in stack.container_hosts(configured)}
    roles = {name: node["role"] for name, node in configured["nodes"].items()}
    control_plane = tuple(name for name in addresses if roles[name] == "control-plane")
    workers = tuple(name for name in addresses if name not in control_plane)
    hosts = Hosts(project, addresses, control_plane, workers)
    try:
        hosts.run(hosts.command("lab", "up", STACK), LAB_SECONDS)
        yield hosts
    finally:
        down(hosts)


def down(hosts: Hosts) -> None:
    """Stops the lab. Plugins of an engine that was killed end some seconds after it: until then the lab refuses. Raises Failed."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        try:
            hosts.run(hosts.command("lab", "down"), LAB_SECONDS)
            return
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
