"""A real sshd on loopback, with its own keys."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Sshd:
    """A running server and how to log in to it, as root."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def private_key(self) -> str:
        return (self.folder / "login").read_text()

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    def connection(self) -> dict[str, object]:
        """The connection as NodeState takes it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "root",
            "privateKey": self.private_key,
            "hostKey": self.host_key,
        }

    def cut(self) -> None:
        """Kills the processes of all connections, not the server: each client loses its connection."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)

    def stop(self) -> None:
        """Ends the server; safe to repeat."""
        self.process.terminate()
        self.process.wait(10)


def keys(folder: Path, name: str) -> None:
    """Makes one ED25519 key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)


def start(folder: Path, *options: str, etc: Mapping[str, str] | None = None) -> Sshd:
    """Starts sshd in a folder, with more lines of configuration, which win, and with other texts in place of files of
    /etc; waits until it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("login", "host"):
        if not (folder / name).exists():
            keys(folder, name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "sshd_config"
    config.write_text(
        "".join(f"{option}\n" for option in options)
        + f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'login.pub'}\nPermitRootLogin prohibit-password\nStrictModes no\n"
        "PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    with (folder / "sshd.log").open("ab") as log:
        process = subprocess.Popen(
            _apart(folder, ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], etc or {}), stderr=log
        )
    deadline = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as answered:
                if answered.recv(4) == b"SSH-":
                    return Sshd(folder, port, process)
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise AssertionError((folder / "sshd.log").read_text()) from None
            time.sleep(0.05)


def _apart(folder: Path, command: list[str], etc: Mapping[str, str]) -> list[str]:
    """The command in a mount namespace with /var/lib and /run for itself: servers on one machine are different nodes.

    The parents of the provider's folders: removing a folder ends the mounts on it in all namespaces.
    """
    mounts = []
    for name in ("/var/lib", "/run"):
        own = folder / name.rpartition("/")[2]
        (own / "sshd").mkdir(parents=True, exist_ok=True)
        mounts.append(f"mount --bind {shlex.quote(str(own))} {name}")
    for name, text in etc.items():
        own = folder / "etc" / name
        own.parent.mkdir(exist_ok=True)
        own.write_text(text)
        own.chmod(0o440 if name == "sudoers" else 0o644)
        mounts.append(f"mount --bind {shlex.quote(str(own))} /etc/{name}")
    return ["unshare", "--mount", "sh", "-ec", "; ".join([*mounts, 'exec "$@"']), "sh", *command]
