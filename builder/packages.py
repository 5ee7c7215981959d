"""The Debian packages that the lab and the tests need."""

from __future__ import annotations

import os
import shutil
import subprocess

from builder.errors import UserError
from builder.log import log

PURPOSES: dict[str, tuple[str, ...]] = {
    "builds": ("gcc", "libc6-dev", "libseccomp-dev", "pkg-config"),
    "container hosts": (
        *("debian-archive-keyring", "iproute2", "mmdebstrap", "nftables", "openssh-client", "procps"),
        *("systemd-container", "util-linux"),
    ),
    "VMs": (
        *("dnsmasq-base", "e2fsprogs", "iptables", "libvirt-clients", "libvirt-daemon-system", "nftables"),
        *("qemu-system-x86", "qemu-utils", "xsltproc"),
    ),
    "tests": ("bind9-dnsutils", "busybox", "curl", "git", "netcat-openbsd", "openssh-server", "wget"),
}
LAB = ("builds", "container hosts", "VMs")
"""The purposes of `make up`; the tests also need "tests"."""


def wanted(*purposes: str) -> list[str]:
    """Return the packages for these purposes, sorted."""
    return sorted({name for purpose in purposes for name in PURPOSES[purpose]})


def missing(*purposes: str) -> list[str]:
    """Return the packages for these purposes that are not installed. Raises UserError if this is not Debian."""
    names = wanted(*purposes)
    if shutil.which("dpkg-query") is None:
        raise UserError(f"this is not Debian: install the programs of these packages: {', '.join(names)}")
    # The exit code is not 0 if dpkg does not know a package: then the package is missing.
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (line.split() for line in done.stdout.splitlines())
    installed = {name.partition(":")[0] for name, status in lines if status == "installed"}
    return [name for name in names if name not in installed]


def install(*purposes: str) -> None:
    """Install the missing packages with apt-get; takes milliseconds if there are none. Raises UserError."""
    names = missing(*purposes)
    if not names:
        return
    if os.geteuid() != 0:
        raise UserError(f"packages are missing; run as root: apt-get install {' '.join(names)}")
    if shutil.which("apt-get") is None:
        raise UserError(f"there is no apt-get to install the missing packages: {' '.join(names)}")
    log(f"installing {', '.join(names)}")
    # Recommended packages would add services that the lab does not use.
    for command in (("update", "-q"), ("install", "-q", "-y", "--no-install-recommends", *names)):
        done = subprocess.run(
            ["apt-get", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise UserError(f"apt-get {command[0]} failed:\n{done.stdout.strip()[-2000:]}")
