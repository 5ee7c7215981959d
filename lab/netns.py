"""The lab's network namespace: everything of the lab talks inside it, so that nothing leaves the machine."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from lab.context import Lab, LabError, need_root

_CLONE_NEWNET = 0x40000000
_Result = TypeVar("_Result")


def ensure(lab: Lab) -> None:
    """Makes the namespace with loopback up and forwarding on, where it is not there; notes whose lab it is.

    Raises LabError where another project's lab runs under this name.
    """
    need_root("a network namespace")
    lab.owner.parent.mkdir(parents=True, exist_ok=True)
    if lab.namespace.exists() and _usable(lab):
        need_own(lab)
    else:
        # A file without a namespace behind it is what a killed `ip netns add` leaves.
        subprocess.run(["ip", "netns", "delete", lab.name], stderr=subprocess.DEVNULL, check=False)
        _ip(["ip", "netns", "add", lab.name])
    lab.owner.write_text(f"{lab.project}\n")
    _ip(["ip", "-n", lab.name, "link", "set", "lo", "up"])
    run(lab, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])


def exists(lab: Lab) -> bool:
    """Whether the namespace is there."""
    return lab.namespace.exists()


def need_own(lab: Lab) -> None:
    """Raises LabError where the namespace belongs to another project's lab."""
    if not exists(lab) or not lab.owner.exists():
        return
    other = lab.owner.read_text().strip()
    if other and other != str(lab.project) and Path(other).exists():
        raise LabError(
            f"the lab of {other} is running on this machine: end it there with `make down`, "
            "or set PLUMBLINE_LAB to another name here"
        )


def remove(lab: Lab) -> None:
    """Deletes the namespace with every interface in it. Safe to repeat."""
    if lab.namespace.exists():
        _ip(["ip", "netns", "delete", lab.name])
    lab.owner.unlink(missing_ok=True)
    if lab.owner.parent.exists() and not any(lab.owner.parent.iterdir()):
        lab.owner.parent.rmdir()


def enter(lab: Lab, command: Sequence[str]) -> list[str]:
    """The command that runs `command` inside.

    Not by `ip netns exec`: that mounts a fresh /sys, and the control groups are gone from it.
    """
    return ["nsenter", f"--net={lab.namespace}", "--", *command]


def run(lab: Lab, command: Sequence[str]) -> str:
    """Runs a short command inside and returns what it printed. Raises LabError with its message."""
    return _ip(enter(lab, command))


def execute(lab: Lab, command: Sequence[str]) -> NoReturn:
    """Becomes `command`: inside, with folder and environment kept; as it is where no lab is running."""
    argv = enter(lab, command) if exists(lab) else list(command)
    if exists(lab):
        need_root("entering the lab's network namespace")
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise LabError(f"cannot run {argv[0]}: {error.strerror}") from None


def call(lab: Lab, function: Callable[[], _Result]) -> _Result:
    """Calls `function` inside, in a thread of its own: sockets that it opens belong to the namespace."""
    outcome: list[_Result] = []
    failure: list[BaseException] = []

    def inside() -> None:
        try:
            with lab.namespace.open("rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise LabError(f"cannot enter {lab.namespace}: {os.strerror(ctypes.get_errno())}")
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _usable(lab: Lab) -> bool:
    return subprocess.run(enter(lab, ["true"]), stderr=subprocess.DEVNULL, check=False).returncode == 0


def _ip(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
