"""A real systemd to manage: one container host of the lab, in a network namespace of this test run's own."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from lab import hosts, keys, netns
from lab.context import Lab
from lab.stack import Host

NAME = "n1"
ADDRESS = IPv4Address("10.78.0.11")


class Container:
    """A booted Debian with its sshd led to a loopback port, so that an engine outside the namespace reaches it."""

    def __init__(self, lab: Lab, port: int) -> None:
        self._lab = lab
        self.port = port

    def connection(self) -> dict[str, object]:
        """The connection as NodeState takes it: a user with sudo, and the host's pinned key."""
        folder = self._lab.hosts / NAME
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "core",
            "privateKey": keys.user_key(self._lab).read_text(),
            "hostKey": " ".join((folder / "ssh_host_ed25519_key.pub").read_text().split()[:2]),
        }

    def command(self, script: str) -> list[str]:
        """The command on this machine that runs a one-line script there as root."""
        return netns.enter(self._lab, keys.login(self._lab, str(ADDRESS), f"sudo -n sh -euc {shlex.quote(script)}"))

    def run(self, script: str) -> str:
        """The output of a script, run there as root. Fails if the script fails."""
        command = netns.enter(self._lab, keys.login(self._lab, str(ADDRESS), "sudo -n sh -eu"))
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def started(self, unit: str) -> str:
        """When the unit was last started: it changes exactly when the unit is."""
        return self.run(f"systemctl show --property ActiveEnterTimestampMonotonic --value {unit}").strip()

    def left(self) -> set[str]:
        """Everything in the folders that tests write to, and every file of the provider's own notes."""
        return set(
            self.run(
                "find /etc/proof /etc/systemd/system 2>/dev/null || true\nfind /var/lib/plumbline -type f 2>/dev/null || true"
            ).splitlines()
        )

    def state(self, unit: str) -> str:
        """The unit's state, as `systemctl is-active` says it."""
        return self.run(f"systemctl is-active {unit} || true").strip()


@contextmanager
def booted(project: Path) -> Iterator[Container]:
    """Boots the host; ends it, its network and its forwarding when done."""
    lab = Lab(project, f"provider-{os.getpid()}")
    project.mkdir(parents=True, exist_ok=True)
    netns.ensure(lab)
    try:
        hosts.up(lab, [Host(NAME, ADDRESS)])
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_forward, args=(lab, server), daemon=True).start()
            yield Container(lab, server.getsockname()[1])
    finally:
        hosts.down(lab)
        netns.remove(lab)


def _forward(lab: Lab, server: socket.socket) -> None:
    """Leads every connection to the host's sshd, until the server is closed."""
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        far = netns.call(lab, lambda: socket.create_connection((str(ADDRESS), 22), timeout=30))
        far.settimeout(None)
        relay(near, far)


def relay(near: socket.socket, far: socket.socket) -> None:
    """Hands on what either side sends, until one of them ends: then both do."""
    for source, sink in ((near, far), (far, near)):
        threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
