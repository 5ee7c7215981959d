"""The lab's own libvirt, in its network namespace; used if the system has no libvirt."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import struct
import subprocess
import time
from enum import Enum
from pathlib import Path

from builder.errors import UserError
from builder.log import log
from lab import netns, processes
from lab.context import Lab, need_root

URI = "qemu:///system"
RUN = Path("/run/libvirt")
SOCKET = RUN / "libvirt-sock"
START_SECONDS = 30

QEMU_CONF = """\
# No security driver and no ownership changes: the lab's files are root's.
security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = []
"""
LIBVIRTD_CONF = """\
# Only root can connect.
unix_sock_group = "root"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
unix_sock_admin_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
PRIVATE = {"etc": Path("/etc/libvirt"), "lib": Path("/var/lib/libvirt"), "log": Path("/var/log/libvirt"), "run": RUN}
"""Folders of .lab/libvirt that are mounted in place of the system's, in the daemons' mount namespace only."""
HELPERS = ("libvirtd", "virtlogd", "dnsmasq", "qemu-system-x86")
"""The programs that libvirt runs in the lab's network namespace, by their kernel names (at most 15 characters)."""


class Owner(Enum):
    """The owner of the libvirt that answers at qemu:///system."""

    NONE = "none"
    SYSTEM = "the system"
    LAB = "this lab"
    OTHER = "another lab"


def owner(lab: Lab) -> Owner:
    """Return the owner, by the network namespace of the process behind the socket. Needs root if there is one."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.settimeout(10)
            asked.connect(str(SOCKET))
            credentials = asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except (FileNotFoundError, ConnectionRefusedError):
        return Owner.NONE
    except OSError as error:
        raise UserError(f"cannot connect to {SOCKET}: {error.strerror}; run this as root") from None
    pid, _, _ = struct.unpack("3i", credentials)
    if processes.running(_pidfile(lab, "libvirtd")) == pid:
        return Owner.LAB
    try:
        theirs = os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError as error:
        raise UserError(f"cannot read process {pid} behind {SOCKET}: {error.strerror}; run this as root") from None
    return Owner.SYSTEM if theirs == os.stat("/proc/self/ns/net").st_ino else Owner.OTHER


def ensure(lab: Lab) -> None:
    """Make qemu:///system answer: use the system's libvirt if it runs, else start the lab's. Idempotent.

    Raises UserError if neither is possible.
    """
    whose = owner(lab)
    if whose is Owner.SYSTEM:
        log("using this system's libvirt")
        return
    if whose is Owner.OTHER:
        raise UserError(
            f"another lab's libvirt answers at {URI}: stop that lab first; only one lab can run VMs at a time"
        )
    need_root("starting libvirtd")
    if whose is Owner.LAB and answers():
        return
    folder = _folder(lab)
    for own in PRIVATE:
        (folder / own).mkdir(parents=True, exist_ok=True)
    (folder / "etc" / "qemu.conf").write_text(QEMU_CONF)
    (folder / "etc" / "libvirtd.conf").write_text(LIBVIRTD_CONF)
    _start(lab, "virtlogd", folder / "run" / "virtlogd-sock")
    _publish(lab)
    _start(lab, "libvirtd", folder / "run" / SOCKET.name)
    log("libvirtd of the lab is running")


def answers() -> bool:
    """Return whether a libvirt answers at qemu:///system."""
    try:
        return subprocess.run(["virsh", "-c", URI, "uri"], capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def stop(lab: Lab) -> None:
    """Stop the lab's libvirtd with its VMs, networks and helpers, and no other libvirt. Idempotent."""
    if processes.running(_pidfile(lab, "libvirtd")) is not None and owner(lab) is Owner.LAB and answers():
        # All domains and networks of this libvirt belong to the lab.
        for domain in _listed("list", "--name"):
            _virsh("destroy", domain)
        for network in _listed("net-list", "--name"):
            _virsh("net-destroy", network)
    for name in ("libvirtd", "virtlogd"):
        processes.stop(_pidfile(lab, name))
    # Children of a killed libvirtd: they have no pidfile, and no environment that names their owner.
    for pid in helpers(lab):
        processes.end(pid, 5)
    if SOCKET.is_symlink() and SOCKET.readlink() == _folder(lab) / "run" / SOCKET.name:
        SOCKET.unlink()
        if not any(RUN.iterdir()):
            RUN.rmdir()
    shutil.rmtree(_folder(lab), ignore_errors=True)


def helpers(lab: Lab) -> list[int]:
    """Return the processes of libvirt in the lab's network namespace."""
    if not netns.exists(lab):
        return []
    namespace, found = os.stat(lab.namespace).st_ino, []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.stat(entry / "ns/net").st_ino == namespace
            if inside and (entry / "comm").read_text().strip() in HELPERS:
                found.append(int(entry.name))
        except OSError:
            continue  # the process has ended
    return sorted(found)


def _publish(lab: Lab) -> None:
    """Link the socket's usual path to the one that the daemon uses in its own mounts."""
    RUN.mkdir(exist_ok=True)
    if SOCKET.is_symlink() or SOCKET.exists():
        SOCKET.unlink()  # `owner` found that nothing listens
    SOCKET.symlink_to(_folder(lab) / "run" / SOCKET.name)


def _start(lab: Lab, name: str, listens: Path) -> None:
    """Start a daemon if it is not running, and wait until it listens. Raises UserError."""
    folder = _folder(lab)
    output = folder / f"{name}.log"
    if processes.running(_pidfile(lab, name)) is None:
        listens.unlink(missing_ok=True)
        binds = [
            f"mkdir -p {there} && mount --bind {shlex.quote(str(folder / own))} {there}"
            for own, there in PRIVATE.items()
        ]
        own_pid = RUN / f"{name}.pid"
        script = " && ".join([*binds, f"exec /usr/sbin/{name} --pid-file {own_pid}"])
        processes.start(
            _pidfile(lab, name), netns.enter(lab, ["unshare", "--mount", "sh", "-c", script]), output, folder=folder
        )
    deadline = time.monotonic() + START_SECONDS
    while not (listens.exists() and (name != "libvirtd" or answers())):
        if time.monotonic() > deadline:
            raise UserError(f"{name} does not answer within {START_SECONDS} s: see {output}")
        time.sleep(0.2)


def _virsh(*arguments: str) -> None:
    subprocess.run(["virsh", "-q", "-c", URI, *arguments], capture_output=True, timeout=60, check=False)


def _listed(*arguments: str) -> list[str]:
    done = subprocess.run(["virsh", "-c", URI, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _folder(lab: Lab) -> Path:
    return lab.state / "libvirt"


def _pidfile(lab: Lab, name: str) -> Path:
    return _folder(lab) / f"{name}.pid"
