"""The paths of a node's programs, in the folders of its operating system."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config.model import Cluster, Libvirt
from cluster.machine.operating_systems import OPT, Folders, facts


@dataclass(frozen=True)
class Binaries:
    """The absolute paths of the programs that the plan installs."""

    folders: Folders = OPT

    @property
    def folder(self) -> str:
        """The folder of all programs but the CNI plugins."""
        return self.folders.programs

    def path(self, name: str) -> str:
        """The path of a program."""
        return f"{self.folder}/{name}"

    def cni_plugin(self, name: str) -> str:
        """The path of a CNI plugin."""
        return f"{self.folders.cni_plugins}/{name}"

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
    def trusted_cas(self) -> str:
        """The script behind plumbline-trusted-cas.service."""
        return self.path("plumbline-trusted-cas")

    @property
    def routes(self) -> str:
        """The script behind plumbline-routes.service."""
        return self.path("plumbline-routes")


def binaries(cluster: Cluster) -> Binaries:
    """The paths of the programs on this cluster's nodes."""
    if isinstance(cluster.machines, Libvirt):
        return Binaries(facts(cluster.machines).folders)
    return Binaries()
