"""Checks if KVM runs a guest. /dev/kvm may open and the guest still hang, so a kernel is booted and must print."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from lab.context import Lab

SECONDS = 20
"""Time limit; with working KVM, a kernel prints within one second."""


def domain_type(lab: Lab) -> str:
    """Return `kvm` if a guest boots with it, else `qemu` (emulation). Needs the VM image.

    The result is kept until the machine reboots.
    """
    answer = lab.state / "domain-type"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if answer.exists():
        kind, _, known = answer.read_text().strip().partition("\n")
        if known == f"# probed on boot {boot}":
            return kind
    kind = "kvm" if _boots(lab) else "qemu"
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(f"{kind}\n# probed on boot {boot}\n")
    return kind


def _boots(lab: Lab) -> bool:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    image, console = lab.state / "image", lab.state / "kvm-probe.log"
    console.unlink(missing_ok=True)
    guest = subprocess.Popen(
        [
            *("qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-display", "none", "-no-reboot"),
            *("-kernel", str(image / "vmlinuz"), "-append", "console=ttyS0 panic=-1"),
            *("-serial", f"file:{console}"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if console.exists() and b"Linux version" in console.read_bytes():
                return True
            if guest.poll() is not None:
                return False
            time.sleep(0.2)
        return False
    finally:
        guest.kill()
        guest.wait()
        console.unlink(missing_ok=True)
