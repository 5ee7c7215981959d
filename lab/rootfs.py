"""The container hosts' root file system: Debian 12 with the packages of a Kubernetes node, built once into the cache.

Debian 12, because its systemd is the last that also runs on cgroup v1.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.cache import cached, digest
from builder.errors import UserError
from builder.log import progress
from builder.process import run
from lab.context import SOURCES, need_root

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
# They manage a whole machine, not a container, or do the same as lab-host.service.
_MASKED = (
    *("systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"),
    *("systemd-sysctl.service", "systemd-udevd.service", "systemd-modules-load.service", "systemd-timesyncd.service"),
    *("systemd-binfmt.service", "e2scrub_reap.service", "e2scrub_all.timer", "apt-daily.timer"),
    *("apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "console-getty.service"),
)


def ensure() -> Path:
    """Return the read-only root file system that all hosts share; build it if it is missing, in about a minute.

    Raises UserError.
    """
    need_root("building the container hosts' root file system")
    key = digest(
        repr((SUITE, PACKAGES, _INSTALLED, _MASKED)),
        Path(__file__).read_bytes(),
        *((_FILES / name).read_bytes() for name in _INSTALLED),
    )
    return cached(f"hosts/{SUITE}-{key}", _make) / "root"


def _make(into: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise UserError("there is no mmdebstrap on PATH: run `python -m lab packages --install`")
    with progress("building the container hosts' file system"):
        _build(into / "root")


def _build(root: Path) -> None:
    run(
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
    run(["chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", USER])
    _write(root / f"etc/sudoers.d/{USER}", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    # Each host gets its own key and machine ID.
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    _write(root / "etc/machine-id", "", 0o444)
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    run(["systemctl", f"--root={root}", "--quiet", "mask", *_MASKED])
    for unit in ("lab-host.service", "ssh.service", "systemd-resolved.service"):
        run(["systemctl", f"--root={root}", "--quiet", "enable", unit])


def _write(file: Path, text: str, mode: int) -> None:
    file.write_text(text)
    file.chmod(mode)
