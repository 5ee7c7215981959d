"""The facts about each operating system of a VM, one record per system: everything that this program does differently on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cluster.config.model import Libvirt, OperatingSystem


class Networking(StrEnum):
    """The program that configures the machine's network."""

    NETWORKD = "systemd-networkd"
    NETWORK_MANAGER = "NetworkManager"


@dataclass(frozen=True)
class Folders:
    """The folders of the programs that the plan installs: writable, and not mounted noexec."""

    programs: str = "/opt/bin"
    cni_plugins: str = "/opt/cni/bin"


OPT = Folders()
"""The folders on a system with a writable /opt."""


@dataclass(frozen=True)
class Facts:
    """`fw_cfg_name` is where the system's Ignition finds its configuration; members of `admin_groups` may use sudo."""

    fw_cfg_name: str
    admin_groups: tuple[str, ...]
    networking: Networking = Networking.NETWORKD
    folders: Folders = OPT


FACTS = {
    OperatingSystem.DEBIAN: Facts("opt/com.coreos/config", ("sudo",)),
    OperatingSystem.FEDORA_COREOS: Facts("opt/com.coreos/config", ("sudo", "wheel"), Networking.NETWORK_MANAGER),
    OperatingSystem.FLATCAR: Facts("opt/org.flatcar-linux/config", ("sudo", "docker")),
}


def facts(libvirt: Libvirt) -> Facts:
    """The facts about the operating system of these VMs."""
    return FACTS[libvirt.operating_system]
