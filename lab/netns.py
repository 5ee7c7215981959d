"""The lab's network namespace: all traffic of the lab stays in it and does not leave the machine."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from builder.errors import UserError
from lab.context import Lab, need_root

_CLONE_NEWNET = 0x40000000
_Result = TypeVar("_Result")


def ensure(lab: Lab) -> None:
    """Create the namespace if it is missing, with loopback up and forwarding on, and record the lab's project.

    Raises UserError if another project's lab runs under this name.
    """
    need_root("a network namespace")
    lab.owner.parent.mkdir(parents=True, exist_ok=True)
    if lab.namespace.exists() and _usable(lab):
        need_own(lab)
    else:
        # A killed `ip netns add` leaves a file without a namespace.
        subprocess.run(["ip", "netns", "delete", lab.name], stderr=subprocess.DEVNULL, check=False)
        _ip(["ip", "netns", "add", lab.name])
    lab.owner.write_text(f"{lab.project}\n")
    _ip(["ip", "-n", lab.name, "link", "set", "lo", "up"])
    run(lab, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])


def exists(lab: Lab) -> bool:
    """Return whether the namespace exists."""
    return lab.namespace.exists()


def need_own(lab: Lab) -> None:
    """Raise UserError if the namespace belongs to another project's lab."""
    if not exists(lab) or not lab.owner.exists():
        return
    other = lab.owner.read_text().strip()
    if other and other != str(lab.project) and Path(other).exists():
        raise UserError(
            f"the lab of {other} is running on this machine: stop it there with `make down`, "
            "or set PLUMBLINE_LAB to another name here"
        )


def remove(lab: Lab) -> None:
    """Delete the namespace and its interfaces. Idempotent."""
    if lab.namespace.exists():
        _ip(["ip", "netns", "delete", lab.name])
    lab.owner.unlink(missing_ok=True)
    if lab.owner.parent.exists() and not any(lab.owner.parent.iterdir()):
        lab.owner.parent.rmdir()


def enter(lab: Lab, command: Sequence[str]) -> list[str]:
    """Return the command that runs `command` in the namespace.

    nsenter, because `ip netns exec` mounts a new /sys without the control groups.
    """
    return ["nsenter", f"--net={lab.namespace}", "--", *command]


def run(lab: Lab, command: Sequence[str]) -> str:
    """Run a short command in the namespace and return its output. Raises UserError with its message."""
    return _ip(enter(lab, command))


def execute(lab: Lab, command: Sequence[str]) -> NoReturn:
    """Replace this process with `command`: in the namespace if a lab is running, else outside.

    Working folder and environment are kept.
    """
    argv = enter(lab, command) if exists(lab) else list(command)
    if exists(lab):
        need_root("entering the lab's network namespace")
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise UserError(f"cannot run {argv[0]}: {error.strerror}") from None


def call(lab: Lab, function: Callable[[], _Result]) -> _Result:
    """Call `function` in a thread that has joined the namespace: sockets that it opens belong to the namespace."""
    outcome: list[_Result] = []
    failure: list[BaseException] = []

    def inside() -> None:
        try:
            with lab.namespace.open("rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise UserError(f"cannot enter {lab.namespace}: {os.strerror(ctypes.get_errno())}")
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
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
        raise UserError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
