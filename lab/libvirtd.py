"""A libvirt of the lab's own, inside its network namespace, where the system has none to use."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from lab import netns, processes
from lab.context import Lab, LabError, need_root, say

URI = "qemu:///system"
SOCKET = Path("/run/libvirt/libvirt-sock")
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
PRIVATE = {"etc": "/etc/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt"}
"""Folders of .lab/libvirt that stand, in the daemons' own mount namespace only, where the system's would."""

LIBVIRTD_CONF = """\
unix_sock_group = "root"
auth_unix_ro = "none"
auth_unix_rw = "none"
"""


def ensure(lab: Lab) -> None:
    """Makes qemu:///system answer: the system's own libvirt if it does, else one started here. Safe to repeat.

    Raises LabError where neither can be had.
    """
    if running(lab):
        return
    if answers():
        say("using this system's libvirt")
        return
    need_root("starting libvirtd")
    folder = _folder(lab)
    for own in PRIVATE:
        (folder / own).mkdir(parents=True, exist_ok=True)
    (folder / "etc" / "qemu.conf").write_text(QEMU_CONF)
    (folder / "etc" / "libvirtd.conf").write_text(LIBVIRTD_CONF)
    for name in ("virtlogd", "libvirtd"):
        _start(lab, name)
    say("libvirtd of the lab is running")


def running(lab: Lab) -> bool:
    """Whether the lab's own libvirtd runs and answers."""
    return processes.running(_pidfile(lab, "libvirtd")) is not None and answers()


def answers() -> bool:
    """Whether some libvirt answers at qemu:///system."""
    try:
        return subprocess.run(["virsh", "-c", URI, "uri"], capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def stop(lab: Lab) -> None:
    """Ends the lab's own libvirtd with its VMs, networks and helpers. Leaves the system's libvirt alone."""
    if running(lab):
        # Domains, networks and pools are all this lab's: the system's libvirt is another one.
        for domain in _listed("list", "--name"):
            _virsh("destroy", domain)
        for network in _listed("net-list", "--name"):
            _virsh("net-destroy", network)
    for name in ("libvirtd", "virtlogd"):
        processes.stop(_pidfile(lab, name))
    # dnsmasq and emulators carry the mark of the libvirtd that started them.
    for pid in processes.marked(_folder(lab)):
        processes.end(pid, 5)
    shutil.rmtree(_folder(lab), ignore_errors=True)


def _start(lab: Lab, name: str) -> None:
    if processes.running(_pidfile(lab, name)) is not None:
        return
    folder = _folder(lab)
    log = folder / f"{name}.log"
    binds = " && ".join(f"mkdir -p {there} && mount --bind {folder / own} {there}" for own, there in PRIVATE.items())
    processes.start(
        _pidfile(lab, name),
        netns.enter(lab, ["unshare", "--mount", "sh", "-c", f'{binds} && exec "$0"', f"/usr/sbin/{name}"]),
        log,
        folder=folder,
    )
    socket = SOCKET if name == "libvirtd" else Path("/run/libvirt/virtlogd-sock")
    deadline = time.monotonic() + START_SECONDS
    while not (socket.exists() and (name != "libvirtd" or answers())):
        if processes.running(_pidfile(lab, name)) is None and time.monotonic() > deadline - START_SECONDS + 2:
            raise LabError(f"{name} ended at once: see {log}")
        if time.monotonic() > deadline:
            raise LabError(f"{name} does not answer within {START_SECONDS} s: see {log}")
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
