"""Four container hosts with systemd, the artifact mirror, and root shells on the hosts."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import build, hosts, keys, mirror, netns, processes, stack
from lab.context import Lab

ROOT = Path(__file__).resolve().parents[2]
MIRROR = f"http://{stack.HOST_GATEWAY}:{mirror.PORT}"
SHELL_SECONDS = 120
VARIANT = "forecast"
WITHOUT_WATCHDOG = """
folder=/usr/lib/systemd/system/systemd-resolved.service.d
[ ! -e $folder ] || exit 0
mkdir $folder
printf '[Service]\\nWatchdogSec=0\\n' >$folder/forecast.conf
systemctl daemon-reload
systemctl restart systemd-resolved.service
"""
"""systemd hears no message of a masked unit, and ends one with a watchdog some minutes later: on a slow machine between the
preview and the update. That is no mutation of the check."""

BESIDE = ("kube-apiserver", "etcd")
"""Processes beside the hosts, which control_plane.py starts, in the order in which they end."""


class Hosts:
    """The booted hosts of stack `hosts`, by node name. Use it from inside the lab's network namespace."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.configured = stack.load_config(ROOT, "hosts")
        self.known = {host.name: host for host in stack.container_hosts(self.configured)}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(self.known)

    def up(self) -> None:
        """Boots the hosts that do not run."""
        hosts.up(self.lab, list(self.known.values()))
        self.run_each(dict.fromkeys(self.names, WITHOUT_WATCHDOG))

    def reimage(self, name: str) -> None:
        """Replaces one host by a new one of the same name and address: other host key, other /etc/machine-id, no files."""
        self._hang_up(name)
        hosts.remove(self.lab, name)
        self.up()

    def connection(self, name: str) -> dict[str, Any]:
        """The connection as NodeState takes it, without the private key."""
        key = self.lab.hosts / name / "ssh_host_ed25519_key.pub"
        host_key = " ".join(key.read_text().split()[:2])
        return {"host": str(self.known[name].address), "port": 22, "user": "core", "hostKey": host_key}

    @property
    def private_key(self) -> str:
        """The key that logs in to every host."""
        return keys.user_key(self.lab).read_text()

    def run(self, name: str, script: str) -> str:
        """The output of a script that runs on a host as root. Raises RuntimeError with its output if it fails."""
        command = self._ssh(name, "sudo -n sh -eu")
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, errors="replace", check=False, timeout=SHELL_SECONDS
        )
        if done.returncode != 0:
            raise RuntimeError(f"{name}: a script failed:\n{script}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def send(self, name: str, command: str, data: bytes) -> None:
        """Runs a command on a host as root with this standard input. Raises CalledProcessError."""
        login = self._ssh(name, f"sudo -n {command}")
        subprocess.run(login, input=data, capture_output=True, check=True, timeout=SHELL_SECONDS)

    def run_each(self, scripts: Mapping[str, str]) -> dict[str, str]:
        """Runs a script on each named host at once; returns the output of each."""
        with ThreadPoolExecutor(max_workers=max(1, len(scripts))) as pool:
            return dict(zip(scripts, pool.map(lambda one: self.run(*one), scripts.items()), strict=True))

    def hang_up(self) -> None:
        """Ends the shared SSH connections."""
        for name in self.names:
            self._hang_up(name)

    def _hang_up(self, name: str) -> None:
        subprocess.run(self._ssh(name, options=("-O", "exit")), capture_output=True, check=False)

    def _ssh(self, name: str, *command: str, options: tuple[str, ...] = ()) -> list[str]:
        """One connection per host is shared by all calls, and ends by itself a minute after the last."""
        login = keys.login(self.lab, str(self.known[name].address), *command)
        shared = ("ControlMaster=auto", f"ControlPath={self.lab.project}/%C", "ControlPersist=60")
        return [login[0], *(flag for one in shared for flag in ("-o", one)), *options, *login[1:]]


def prepare(lab: Lab) -> None:
    """Builds the artifacts that are not in the cache, and adds the variants that `versions` mutations install."""
    build.mirror(lab)
    for number in range(3):
        _write(lab, f"{VARIANT}/tool-{number}", f"#!/bin/sh\n# version {number}\nexec sleep infinity\n".encode())
    [kubelet] = lab.mirror.glob("kubernetes/*/kubelet")
    # Bytes after an ELF file's last section are not loaded: the same program with another checksum.
    _write(lab, f"{VARIANT}/kubelet", kubelet.read_bytes() + b"\n")


def sha256(lab: Lab, name: str) -> str:
    """The checksum of a file of the mirror."""
    with (lab.mirror / name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def namespace() -> Iterator[Lab]:
    """A lab of this process in a temporary folder, with its network namespace and mirror; all of it, and every host in it,
    ends with the block. Those of killed runs are removed first."""
    _sweep()
    name = f"{VARIANT}-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix=f"{VARIANT}-") as folder:
        lab = Lab(Path(folder).resolve(), name)
        netns.ensure(lab)
        try:
            prepare(lab)
            mirror.start(lab)
            yield lab
        finally:
            _end(lab)


def _end(lab: Lab) -> None:
    hosts.down(lab)
    for name in BESIDE:
        processes.stop(pidfile(lab, name))
    mirror.stop(lab)
    netns.remove(lab)


def pidfile(lab: Lab, name: str) -> Path:
    """The file with the ID of a process beside the hosts."""
    return lab.state / f"{name}.pid"


def _sweep() -> None:
    for owner in Path("/run/plumbline").glob(f"{VARIANT}-*"):
        pid = owner.name.rpartition("-")[2]
        command = Path("/proc") / pid / "cmdline"
        if not (command.exists() and b"tests.forecast" in command.read_bytes()):
            lab = Lab(Path(owner.read_text().strip()), owner.name)
            _end(lab)
            shutil.rmtree(lab.project, ignore_errors=True)


def _write(lab: Lab, name: str, content: bytes) -> None:
    file = lab.mirror / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
