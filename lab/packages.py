"""The Debian packages that lab and tests take, in one place."""

from __future__ import annotations

import os
import shutil
import subprocess

from lab.context import LabError, say

BUILD = ("gcc", "libc6-dev", "libseccomp-dev", "pkg-config")
HOSTS = (
    "debian-archive-keyring",
    "iproute2",
    "mmdebstrap",
    "openssh-client",
    "procps",
    "systemd-container",
    "util-linux",
)
VMS = (
    *("dnsmasq-base", "e2fsprogs", "iptables", "libvirt-clients", "libvirt-daemon-system", "nftables"),
    *("qemu-system-x86", "qemu-utils", "xsltproc"),
)
TESTS = ("bind9-dnsutils", "busybox", "curl", "git", "netcat-openbsd", "openssh-server", "wget")
ALL = tuple(sorted({*BUILD, *HOSTS, *VMS, *TESTS}))


def missing() -> list[str]:
    """The packages that are not installed. Raises LabError where this is no Debian."""
    if shutil.which("dpkg-query") is None:
        raise LabError(f"this is no Debian: install what gives the programs of these packages: {', '.join(ALL)}")
    # Packages that dpkg does not know are an error to it, and missing to us: the exit code says nothing more.
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status}\n", *ALL],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (line.split() for line in done.stdout.splitlines())
    installed = {name.partition(":")[0] for name, status in lines if status == "installed"}
    return [name for name in ALL if name not in installed]


def install() -> None:
    """Installs what is missing with apt-get; nothing to do takes milliseconds. Raises LabError."""
    names = missing()
    if not names:
        return
    if os.geteuid() != 0:
        raise LabError(f"these packages are missing; as root: apt-get install {' '.join(names)}")
    if shutil.which("apt-get") is None:
        raise LabError(f"there is no apt-get to install what is missing: {' '.join(names)}")
    say(f"installing {', '.join(names)}")
    # Recommended packages bring services that the lab does not use.
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
            raise LabError(f"apt-get {command[0]} failed:\n{done.stdout.strip()[-2000:]}")
