"""The cluster's configuration as frozen, validated data, in sections. Made by cluster.config.load; everything else reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cluster.config.addresses import Host, IPAddress, IPNetwork
from nodestate import Download


class Role(StrEnum):
    """What a node is for. `master` in configuration means control-plane."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class OperatingSystem(StrEnum):
    """A VM's operating system family: decides Ignition's fw_cfg name, groups and network files."""

    DEBIAN = "debian"
    FLATCAR = "flatcar"
    FEDORA_COREOS = "fedora-coreos"


class Cni(StrEnum):
    """`routed`: every node routes to every other node's pods, on one L2 network. `none`: bring your own CNI plugin."""

    ROUTED = "routed"
    NONE = "none"


@dataclass(frozen=True)
class Taint:
    """A Kubernetes taint, as registered by the kubelet."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}"


@dataclass(frozen=True)
class ContainerImage:
    """A container image to import into containerd from a pinned tar archive; on control-plane nodes only, or on all."""

    name: str
    archive: Download
    control_plane: bool = False


@dataclass(frozen=True)
class Artifacts:
    """The binaries and images a node needs, each pinned by sha256.

    `cni` are the network plugins by name. `pause_image` is containerd's sandbox image name. `images` is empty where
    nodes pull from registries.
    """

    kubelet: Download
    kubectl: Download
    containerd: Download
    containerd_shim: Download
    ctr: Download
    runc: Download
    etcd: Download
    etcdctl: Download
    etcdutl: Download
    cni: Mapping[str, Download]
    pause_image: str
    images: tuple[ContainerImage, ...] = ()


@dataclass(frozen=True)
class Node:
    """One node, keyed by its name. Its machine's own settings are in Cluster.machines.

    `labels` and `taints` hold the role's own too. `kubelet` is merged over the cluster's KubeletConfiguration.
    `pod_cidr` is the node's part of the pod network, None if the cluster brings its own CNI plugin.
    """

    name: str
    role: Role
    address: IPAddress
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    kubelet: Mapping[str, Any] = field(default_factory=dict)
    pod_cidr: IPNetwork | None = None


@dataclass(frozen=True)
class MachineSize:
    """A VM's size. Memory in MiB, disk in GiB."""

    vcpus: int
    memory: int
    disk: int


@dataclass(frozen=True)
class BootImage:
    """The VM image: a local qcow2 file, pinned. `kernel` and `initrd` are set for direct kernel boot."""

    path: str
    sha256: str
    kernel: str | None = None
    initrd: str | None = None


@dataclass(frozen=True)
class Libvirt:
    """VMs on libvirt, made by this program. `sizes` are the VMs' by node name.

    `domain_type` is kvm or qemu (emulation, slow). The first host address of `network` is its gateway. `bridge` has at
    most 15 characters.
    """

    operating_system: OperatingSystem
    uri: str
    domain_type: str
    image: BootImage
    pool: str
    network: IPNetwork
    bridge: str
    authorized_keys: tuple[str, ...]
    sizes: Mapping[str, MachineSize]


@dataclass(frozen=True)
class SshHost:
    """How to reach an existing host. `user` is root or may use sudo without a password.

    `host_key` is one pinned public key, `<type> <base64>`. `private_key_file` was readable when configuration loaded.
    """

    port: int
    user: str
    private_key_file: Path
    host_key: str


@dataclass(frozen=True)
class ExistingHosts:
    """Hosts that exist already and answer by SSH, by node name."""

    hosts: Mapping[str, SshHost]


@dataclass(frozen=True)
class Subject:
    """An X.509 subject; empty parts are left out."""

    common_name: str
    organization: str = ""
    organizational_unit: str = ""
    country: str = ""
    province: str = ""
    locality: str = ""


@dataclass(frozen=True)
class Network:
    """The cluster's networks. `resolvers` answer for names outside the cluster: None for the nodes' own, () for none.

    `conntrack_limits`: kube-proxy sets the kernel's limits, which nodes that share a kernel cannot.
    """

    pod_cidr: IPNetwork
    service_cidr: IPNetwork
    cluster_dns: IPAddress
    cni: Cni = Cni.ROUTED
    resolvers: tuple[IPAddress, ...] | None = None
    conntrack_limits: bool = True


@dataclass(frozen=True)
class Kubernetes:
    """Version, API endpoints and artifacts.

    `internal_endpoint` is the DNS name of the API servers for all clients on nodes; `control_plane_endpoint` is what
    clients outside use: the same, or the name or address of a load balancer.
    """

    version: str
    internal_endpoint: str
    control_plane_endpoint: Host
    artifacts: Artifacts


@dataclass(frozen=True)
class Certificates:
    """How certificates are made. `algorithm` is ECDSA (P-256) or RSA (2048).

    `protect_ca` makes the engine refuse to delete the CA key.
    """

    algorithm: str
    ca_subject: Subject
    ca_validity_hours: int
    validity_hours: int
    early_renewal_hours: int
    protect_ca: bool = True


@dataclass(frozen=True)
class Containerd:
    """Settings of the container runtime."""

    restrict_oom_score_adj: bool = False


@dataclass(frozen=True)
class Etcd:
    """Times in milliseconds, the quota in MiB. Slow machines take longer intervals."""

    heartbeat_interval: int = 100
    election_timeout: int = 1000
    quota: int = 2048


@dataclass(frozen=True)
class ControlPlane:
    """Leader election of controller manager and scheduler, and the probes of static pods. All in seconds."""

    lease_duration: int = 15
    renew_deadline: int = 10
    retry_period: int = 2
    probe_period: int = 10


@dataclass(frozen=True)
class Cluster:
    """The whole configuration, validated. `kubelet` is merged over the program's own KubeletConfiguration."""

    name: str
    domain: str
    machines: Libvirt | ExistingHosts
    nodes: tuple[Node, ...]
    network: Network
    kubernetes: Kubernetes
    certificates: Certificates
    kubelet: Mapping[str, Any]
    containerd: Containerd = Containerd()
    etcd: Etcd = Etcd()
    control_plane: ControlPlane = ControlPlane()

    def control_plane_nodes(self) -> tuple[Node, ...]:
        """The control-plane nodes, in configured order."""
        return tuple(node for node in self.nodes if node.role is Role.CONTROL_PLANE)
