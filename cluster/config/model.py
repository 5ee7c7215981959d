"""The cluster's configuration as frozen, validated data. Made by cluster.config.load; everything else only reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from nodestate import Download


class Role(StrEnum):
    """What a node is for. `master` in configuration means control-plane."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class Source(StrEnum):
    """Where machines come from: VMs this program makes, or hosts that are there already."""

    LIBVIRT = "libvirt"
    EXISTING = "existing"


class Profile(StrEnum):
    """`standard` runs; `classic` renders the 2018 series' unit and kubeconfig, for reading only."""

    STANDARD = "standard"
    CLASSIC = "classic"


class OperatingSystem(StrEnum):
    """The machine's operating system family: decides Ignition's fw_cfg name, login user and writable paths."""

    DEBIAN = "debian"
    FLATCAR = "flatcar"
    FEDORA_COREOS = "fedora-coreos"


class PodNetwork(StrEnum):
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
class Ssh:
    """How an existing host is reached. `user` is root or may use sudo without a password.

    `host_key` is one pinned public key, `<type> <base64>`. `private_key_file` was readable when configuration loaded.
    """

    port: int
    user: str
    private_key_file: Path
    host_key: str


@dataclass(frozen=True)
class MachineSize:
    """A VM's size. Memory in MiB, disk in GiB."""

    vcpus: int
    memory: int
    disk: int


@dataclass(frozen=True)
class Node:
    """One node, keyed by its name. `size` is set for libvirt machines, `ssh` for existing ones.

    `labels` and `taints` hold the role's own too. `kubelet` is merged over the cluster's KubeletConfiguration.
    `pods` is the node's share of the pod network, "" where the cluster brings its own.
    """

    name: str
    role: Role
    address: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    size: MachineSize | None
    ssh: Ssh | None
    kubelet: Mapping[str, Any] = field(default_factory=dict)
    pods: str = ""


@dataclass(frozen=True)
class BootImage:
    """The VM image: a local qcow2 file, pinned. `kernel` and `initrd` are set for direct kernel boot."""

    path: str
    sha256: str
    kernel: str | None = None
    initrd: str | None = None


@dataclass(frozen=True)
class Libvirt:
    """Settings of the libvirt machines. `domain_type` is kvm or qemu (emulation, slow).

    `gateway` is the first host address of `network`; `bridge` at most 15 characters.
    """

    uri: str
    domain_type: str
    image: BootImage
    pool: str
    network: str
    gateway: str
    bridge: str
    authorized_keys: tuple[str, ...]


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
class CertificateSettings:
    """How certificates are made. All times in hours. `algorithm` is ECDSA (P-256) or RSA (2048).

    `protect_ca` (configuration: certificates.protectCa) makes the engine refuse to delete the CA key.
    """

    algorithm: str
    ca_subject: Subject
    ca_validity: int
    validity: int
    early_renewal: int
    protect_ca: bool = True


@dataclass(frozen=True)
class Etcd:
    """Timing in milliseconds, the store's quota in MiB. Slow machines take longer intervals."""

    heartbeat: int = 100
    election: int = 1000
    quota: int = 2048


@dataclass(frozen=True)
class ControlPlane:
    """How controller manager and scheduler agree on a leader, and how often pods are probed. All in seconds."""

    lease_duration: int = 15
    renew_deadline: int = 10
    retry_period: int = 2
    probe_period: int = 10


@dataclass(frozen=True)
class Cluster:
    """The whole configuration, validated. `libvirt` is set exactly where `source` is libvirt.

    `api_name` is the one name that clients on nodes use for the API servers; `endpoint` is what those outside use, where
    it is another: a virtual address, or a load balancer's name. `kubelet` is merged over our KubeletConfiguration.
    `conntrack_limits`: kube-proxy sets the kernel's, which nodes that share a kernel cannot.
    `resolvers` are asked for names outside the cluster: None for the nodes' own, () for nobody.
    """

    name: str
    domain: str
    profile: Profile
    source: Source
    operating_system: OperatingSystem
    login_user: str
    libvirt: Libvirt | None
    nodes: tuple[Node, ...]
    pod_network: str
    service_network: str
    dns_address: str
    api_name: str
    endpoint: str
    kubernetes_version: str
    artifacts: Artifacts
    certificates: CertificateSettings
    kubelet: Mapping[str, Any]
    restrict_oom_score_adj: bool = False
    etcd: Etcd = Etcd()
    control: ControlPlane = ControlPlane()
    pods: PodNetwork = PodNetwork.ROUTED
    conntrack_limits: bool = True
    resolvers: tuple[str, ...] | None = None

    def control_plane(self) -> tuple[Node, ...]:
        """The control-plane nodes, in configured order."""
        return tuple(node for node in self.nodes if node.role is Role.CONTROL_PLANE)
