"""The folder of a node's programs: /opt/bin, unless the operating system has a read-only /opt."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config.model import Cluster, Libvirt, OperatingSystem

DEFAULT_FOLDER = "/opt/bin"
FOLDERS: dict[OperatingSystem, str] = {}
"""Operating systems whose folder is not the default."""


@dataclass(frozen=True)
class Binaries:
    """The absolute paths of the programs that the plan installs."""

    folder: str = DEFAULT_FOLDER

    def path(self, name: str) -> str:
        """The path of a program."""
        return f"{self.folder}/{name}"

    @property
    def kubelet(self) -> str:
        return self.path("kubelet")

    @property
    def kubectl(self) -> str:
        return self.path("kubectl")

    @property
    def containerd(self) -> str:
        return self.path("containerd")

    @property
    def ctr(self) -> str:
        return self.path("ctr")

    @property
    def runc(self) -> str:
        return self.path("runc")

    @property
    def etcd(self) -> str:
        return self.path("etcd")

    @property
    def etcdctl(self) -> str:
        return self.path("etcdctl")

    @property
    def static_pod(self) -> str:
        """The script behind the units of static pods."""
        return self.path("plumbline-static-pod")

    @property
    def routes(self) -> str:
        """The script behind plumbline-routes.service."""
        return self.path("plumbline-routes")


def binaries(cluster: Cluster) -> Binaries:
    """The paths of the programs on this cluster's nodes."""
    if isinstance(cluster.machines, Libvirt):
        return Binaries(FOLDERS.get(cluster.machines.operating_system, DEFAULT_FOLDER))
    return Binaries()
