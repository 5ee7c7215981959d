"""The container hosts' root file system: Debian 12 with what a Kubernetes node takes, built once into the cache.

Debian 12, because its systemd is the last one that also runs on cgroup v1.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lab import build
from lab.context import SOURCES, LabError, need_root

SUITE = "bookworm"
USER = "core"
PACKAGES = (
    *("systemd", "systemd-sysv", "systemd-resolved", "dbus", "openssh-server", "sudo", "ca-certificates", "curl"),
    *("iproute2", "nftables", "iptables", "conntrack", "ethtool", "socat", "kmod", "procps", "mount", "util-linux"),
    *("iputils-ping", "e2fsprogs", "libseccomp2"),
)
_FILES = SOURCES / "hostfs"
_INSTALLED = {
    "lab-host.service": ("etc/systemd/system/lab-host.service", 0o644),
    "lab-host": ("usr/local/lib/lab-host", 0o755),
    "sshd.conf": ("etc/ssh/sshd_config.d/lab.conf", 0o644),
}
# Their subject is a whole machine, and this is a container of one; or what lab-host.service does itself.
_MASKED = (
    *("systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"),
    *("systemd-sysctl.service", "systemd-udevd.service", "systemd-modules-load.service", "systemd-timesyncd.service"),
    *("systemd-binfmt.service", "e2scrub_reap.service", "e2scrub_all.timer", "apt-daily.timer"),
    *("apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "console-getty.service"),
)


def ensure() -> Path:
    """The read-only root file system that all hosts share, built in about a minute where it is missing.

    Raises LabError.
    """
    need_root("building the container hosts' root file system")
    key = build.digest(
        repr((SUITE, PACKAGES, _INSTALLED, _MASKED)),
        Path(__file__).read_bytes(),
        *((_FILES / name).read_bytes() for name in _INSTALLED),
    )
    return build.made("hosts", f"{SUITE}-{key}", "building the container hosts' file system", _make) / "root"


def _make(into: Path) -> None:
    root = into / "root"
    if shutil.which("mmdebstrap") is None:
        raise LabError("there is no mmdebstrap here: run `python -m lab packages --install`")
    build.run(
        [
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"),
            *(f"--include={','.join(PACKAGES)}", SUITE, str(root)),
        ],
        contained=True,
    )
    for source, (target, mode) in _INSTALLED.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_FILES / source, root / target)
        (root / target).chmod(mode)
    build.run(["chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", USER])
    _write(root / f"etc/sudoers.d/{USER}", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    # Each host gets its own key and id; one of the image would be everybody's.
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    _write(root / "etc/machine-id", "", 0o444)
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    build.run(["systemctl", f"--root={root}", "--quiet", "mask", *_MASKED])
    for unit in ("lab-host.service", "ssh.service", "systemd-resolved.service"):
        build.run(["systemctl", f"--root={root}", "--quiet", "enable", unit])


def _write(file: Path, text: str, mode: int) -> None:
    file.write_text(text)
    file.chmod(mode)
