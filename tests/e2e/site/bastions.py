"""Bastions for a lab of container hosts: each is an own sshd in an own network namespace, on the lab's bridge."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import hosts, netns
from lab.context import Lab

CONFIGURATION = """
Port 22
ListenAddress {address}
HostKey {folder}/host
PidFile none
UsePAM no
StrictModes no
AuthorizedKeysFile {authorized}
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxSessions 1
PermitTTY no
LogLevel VERBOSE
"""


@dataclass(frozen=True)
class Bastion:
    """One bastion: its address, and the folder with its keys and log."""

    address: str
    folder: Path

    @property
    def host_key(self) -> str:
        """Its public key, as it is pinned."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    def logins(self) -> list[str]:
        """The addresses that have logged in."""
        lines = (self.folder / "sshd.log").read_text().splitlines()
        return [line.partition(" from ")[2].split()[0] for line in lines if line.startswith("Accepted publickey")]


@contextmanager
def running(lab: Lab, names: dict[str, str], authorized: Path) -> Iterator[dict[str, Bastion]]:
    """Starts a bastion per name and address, whose root may be logged in to with a public key; ends them."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_started(lab, name, index, address, authorized))
            for index, (name, address) in enumerate(names.items())
        }


@contextmanager
def _started(lab: Lab, name: str, index: int, address: str, authorized: Path) -> Iterator[Bastion]:
    folder, inside, cable = lab.state / "bastions" / name, f"{lab.name}-{name}", f"bastion{index}"
    (folder / "run" / "sshd").mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host")], check=True)
    config = folder / "sshd_config"
    config.write_text(CONFIGURATION.format(address=address, folder=folder, authorized=authorized))
    _ip("netns", "add", inside)
    try:
        _ip("-n", lab.name, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", inside)
        netns.run(lab, ["ip", "link", "set", cable, "master", hosts.BRIDGE, "up"])
        _ip("-n", inside, "link", "set", "lo", "up")
        _ip("-n", inside, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", inside, "link", "set", "eth0", "up")
        shell = f'mount --bind {folder}/run /run && exec /usr/sbin/sshd -D -e -f "{config}"'
        command = ["nsenter", f"--net=/run/netns/{inside}", "unshare", "--mount", "sh", "-c", shell]
        with (folder / "sshd.log").open("w") as log:
            server = subprocess.Popen(command, stderr=log)
        try:
            while "Server listening" not in (folder / "sshd.log").read_text():
                assert server.poll() is None, (folder / "sshd.log").read_text()
                time.sleep(0.1)
            yield Bastion(address, folder)
        finally:
            server.terminate()
            server.wait(10)
    finally:
        _ip("netns", "delete", inside)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
