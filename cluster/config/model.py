"""The cluster's configuration as frozen, validated data. Created by cluster.config.load; everything else reads it.

A class with `key` fields is also the declaration of its keys (cluster.config.declare): adding a key takes one field here
and its consumer. Fields that are not declared with `key` are filled in by the loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cluster import versions
from cluster.config import purposes, syntax
from cluster.config.add_on_model import AddOn
from cluster.config.addresses import Host, IPAddress, IPNetwork, gateway
from cluster.config.artifact_model import Artifacts, ContainerImage
from cluster.config.containerd_model import Containerd, Proxy, Registry, RegistryMirror
from cluster.config.control_plane_model import ControlPlane
from cluster.config.declare import Check, Derived, key, rule, template
from cluster.config.machine_model import (
    BootImage,
    ExistingHosts,
    Libvirt,
    Machines,
    MachineSize,
    MachineSource,
    OperatingSystem,
    Ssh,
    SshHost,
)
from cluster.config.policy_model import Policy
from cluster.config.rollout_model import WorkerRollout
from cluster.config.site_model import Site

__all__ = [
    "AddOn",
    "ArtifactKeys",
    "ArtifactSource",
    "Artifacts",
    "BootImage",
    "Certificates",
    "Cluster",
    "ClusterName",
    "Cni",
    "ContainerImage",
    "Containerd",
    "ControlPlane",
    "Etcd",
    "ExistingHosts",
    "Kubernetes",
    "KubernetesKeys",
    "Libvirt",
    "MachineSize",
    "MachineSource",
    "Machines",
    "Network",
    "Node",
    "OperatingSystem",
    "Policy",
    "Proxy",
    "Registry",
    "RegistryMirror",
    "Role",
    "Site",
    "Ssh",
    "SshHost",
    "Subject",
    "Taint",
    "WorkerRollout",
]


class Role(StrEnum):
    """The role of a node. `master` in the configuration means control-plane."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class ArtifactSource(StrEnum):
    """Source of binaries and images: upstream, pinned by this release, or a mirror, pinned by its checksum file."""

    UPSTREAM = "upstream"
    MIRROR = "mirror"


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


DNS_LABEL = Check("a DNS label: 1 to 63 of a-z, 0-9 and -", syntax.dns_label, syntax.DNS_LABEL.pattern)
DNS_NAME = Check("a DNS domain whose last label is not a number", syntax.dns_name)
NETWORK_NAME = Check(
    "a DNS domain, not localhost or a node's name", lambda one: syntax.dns_name(one) or purposes.name(one)
)
UNICAST = Check("a unicast address", purposes.unicast)
MOST_RESOLVERS = 15
HTTP_URL = Check("a http:// or https:// URL", syntax.http_url, syntax.HTTP_URL)


@dataclass(frozen=True, kw_only=True)
class ClusterName:
    """The cluster's names."""

    name: str = key(
        check=DNS_LABEL,
        missing="the cluster's name, a DNS label",
        doc="Names the libvirt network and domains, and the cluster in kubeconfigs.",
        example="production",
    )
    domain: str = key("cluster.local", check=DNS_NAME, doc="The DNS domain of services and pods.")


@dataclass(frozen=True, kw_only=True)
class Node:
    """The nodes, as records by name. A name is a DNS label with at least one letter. Removing a record removes that node."""

    name: str
    role: Role = key(
        choice_aliases={"master": "control-plane"},
        doc="Control-plane nodes run etcd and the control plane; their number is odd. `master` is accepted for `control-plane`.",
    )
    address: IPAddress = key(
        check=UNICAST,
        missing="the node's IPv4 address",
        doc="The node's address, unique in the cluster. Static on VMs; on existing hosts the address of the SSH server.",
        example="10.77.0.11",
    )
    labels: Mapping[str, str] = key(
        {},
        each=lambda name, value: syntax.label(name, value) or syntax.self_set_label(name),
        doc="Labels that the kubelet registers; below kubernetes.io only those that a kubelet may set.",
        example="{node.kubernetes.io/pool: general}",
    )
    taints: tuple[Taint, ...] = key(
        (),
        identity=lambda taint: (taint.key, taint.effect),
        doc="Taints as `key=value:Effect`. Control-plane nodes also have `node-role.kubernetes.io/control-plane:NoSchedule`.",
        example='["dedicated=database:NoSchedule"]',
    )
    pod_cidr: IPNetwork | None = key(
        None,
        derived=Derived("a /24 of `network.podCIDR`, by the last bits of `address`", lambda values: ""),
        check=Check("a part of `network.podCIDR`", purposes.node_pods),
        doc="Addresses of the node's pods, with `network.cni: routed`. 10.77.0.21 has 10.2.21.0/24 by default.",
        formerly="nodes.<name>.pods",
    )
    kubelet: Mapping[str, Any] = key({}, doc="KubeletConfiguration keys of this node, merged over `kubelet`.")
    site: Site = field(default_factory=Site)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The cluster's networks. They must not overlap each other or the machines' network."""

    pod_cidr: IPNetwork = key(
        IPv4Network("10.2.0.0/16"),
        check=Check("/8 to /24", purposes.pod_network),
        doc="Pod addresses.",
        formerly="network.pods",
    )
    service_cidr: IPNetwork = key(
        IPv4Network("10.3.0.0/16"),
        check=Check("/12 to /28", purposes.service_network),
        doc="Service addresses. The first one is the API server's.",
        formerly="network.services",
    )
    cluster_dns: IPAddress = key(
        IPv4Address("10.3.0.10"),
        check=Check("an address in `serviceCIDR`, not its first or last", purposes.unicast),
        doc="Address of the cluster's DNS service.",
        formerly="network.dns",
    )
    cni: Cni = key(
        Cni.ROUTED,
        doc="`routed`: nodes on one L2 network route to each other's pods. `none`: bring your own CNI plugin.",
        formerly="network.mode",
    )
    resolvers: tuple[IPAddress, ...] | None = key(
        None,
        check=UNICAST,
        doc="DNS servers for names outside the cluster. Not set: each node's own. `[]`: none.",
        example="[192.0.2.53]",
    )
    conntrack_limits: bool = key(
        True, doc="kube-proxy sets the kernel's connection tracking limits; `false` if nodes share a kernel."
    )
    kube_proxy: Mapping[str, Any] = key(
        {},
        doc="Keys of KubeProxyConfiguration, merged over the program's own.",
        example="{nodePortAddresses: [primary]}",
    )

    @rule("cluster_dns", "service_cidr")
    def _dns_is_a_service(self) -> str | None:
        services = self.service_cidr
        if self.cluster_dns not in services:
            return f"{self.cluster_dns} is not in network.serviceCIDR ({services})"
        if self.cluster_dns == gateway(services):
            return f"{self.cluster_dns} is the API server's address, the first of network.serviceCIDR ({services})"
        if self.cluster_dns in (services.network_address, services.broadcast_address):
            return f"{self.cluster_dns} is the network or broadcast address of network.serviceCIDR ({services})"
        return None

    @rule("resolvers", "cluster_dns", "pod_cidr")
    def _resolvers_can_be_asked(self) -> str | None:
        if len(self.resolvers or ()) > MOST_RESOLVERS:
            return f"has {len(self.resolvers or ())} entries: CoreDNS accepts at most {MOST_RESOLVERS}"
        for one in self.resolvers or ():
            if one == self.cluster_dns:
                return f"{one} is network.clusterDNS: the cluster's DNS would forward to itself"
            if one in self.pod_cidr:
                return f"{one} is in network.podCIDR ({self.pod_cidr}): pod addresses change"
        return None


@dataclass(frozen=True, kw_only=True)
class ArtifactKeys:
    """Origin of binaries and images. A mirror needs `url` and `sha256sums`."""

    source: ArtifactSource = key(
        ArtifactSource.UPSTREAM,
        doc="`upstream`: pinned by this release. `mirror`: pinned by the mirror's checksum file.",
    )
    url: str = key("", check=HTTP_URL, doc="URL below which a mirror serves its tree.", example="http://10.77.0.1:8080")
    sha256sums: str = key(
        "", doc="The mirror's checksum file, in the format of sha256sum. It pins every file of the mirror."
    )
    image_digests: Mapping[str, str] = key(
        {},
        each=lambda name, value: syntax.image_digest(value),
        doc="Digests of images by name and tag, in place of those of this release; of a mirror's images, once they are imported. "
        "Pods name such an image by its digest.",
        example='{"registry.k8s.io/kube-proxy:<version>": "sha256:<64 digits>"}',
    )


@dataclass(frozen=True, kw_only=True)
class KubernetesKeys:
    """Version, API endpoints and artifacts."""

    version: str = key(versions.SUPPORTED[0], choices=tuple(versions.SUPPORTED), doc="Version of Kubernetes.")
    internal_endpoint: str = key(
        "",
        derived=template("api.{cluster.name}.{cluster.domain}"),
        check=NETWORK_NAME,
        doc="DNS name of the API servers for all clients on nodes, which resolve it from /etc/hosts.",
        formerly="kubernetes.apiName",
    )
    control_plane_endpoint: Host = key(
        "",
        derived=template("{kubernetes.internalEndpoint}"),
        check=Check("a DNS domain or a unicast address outside pod and service network", purposes.endpoint),
        doc="Server name or address in the admin kubeconfig: your virtual IP, or your load balancer in front of port 6443 "
        "of all control-plane nodes. The API servers' certificates include it.",
        formerly="kubernetes.endpoint",
    )
    artifact_keys: ArtifactKeys = key(name="artifacts", doc="Origin of binaries and images.")


@dataclass(frozen=True, kw_only=True)
class Kubernetes(KubernetesKeys):
    """The keys of the section, with the artifacts that they select."""

    artifacts: Artifacts


@dataclass(frozen=True)
class Subject:
    """Subject of the cluster's CA. Empty parts are left out."""

    common_name: str = key("kubernetes-ca", doc="CN.")
    organization: str = key("", doc="O.")
    organizational_unit: str = key("", doc="OU.")
    country: str = key("", doc="C.")
    province: str = key("", doc="ST.")
    locality: str = key("", doc="L.")


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Certificates and their renewal."""

    algorithm: str = key(
        "ECDSA", choices=("ECDSA", "RSA"), doc="Algorithm of all keys: ECDSA on P-256, or RSA with 2048 bits."
    )
    ca_subject: Subject = key(doc="Subject of the cluster's CA.")
    ca_validity_hours: int = key(87600, 2, 876000, unit="hours", doc="Lifetime of CAs.")
    validity_hours: int = key(
        8760, 1, 876000, unit="hours", doc="Lifetime of leaf certificates; less than `caValidityHours`."
    )
    early_renewal_hours: int = key(
        720,
        0,
        876000,
        unit="hours",
        doc="A run within this time before a certificate's end renews it; less than `validityHours`.",
    )
    protect_ca: bool = key(True, doc="The engine refuses to delete or replace the CAs' keys.")

    @rule("validity_hours", "ca_validity_hours")
    def _leaf_ends_first(self) -> str | None:
        if self.validity_hours < self.ca_validity_hours:
            return None
        return (
            f"{self.validity_hours} is not less than caValidityHours ({self.ca_validity_hours}): "
            "a certificate must end before the CA that signed it"
        )

    @rule("early_renewal_hours", "validity_hours")
    def _renewal_is_not_permanent(self) -> str | None:
        if self.early_renewal_hours < self.validity_hours:
            return None
        return (
            f"{self.early_renewal_hours} is not less than validityHours ({self.validity_hours}): "
            "every run would renew every certificate"
        )


@dataclass(frozen=True, kw_only=True)
class Etcd:
    """One member per control-plane node. A change restarts the members one after another."""

    heartbeat_interval: int = key(
        100, 10, 5000, unit="ms", doc="Interval of heartbeats: about the round-trip time between members."
    )
    election_timeout: int = key(
        1000,
        50,
        50000,
        unit="ms",
        doc="Time without a heartbeat until an election: at least five intervals; ten on slow machines.",
    )
    quota: int = key(2048, 64, 8192, unit="MiB", doc="Size of the database at which etcd stops accepting writes.")
    extra_args: Mapping[str, Any] = key(
        {},
        doc="Flags of etcd by name without the dashes, merged over the program's own.",
        example="{snapshot-count: 20000}",
    )

    @rule("election_timeout", "heartbeat_interval")
    def _election_takes_heartbeats(self) -> str | None:
        if self.election_timeout >= 5 * self.heartbeat_interval:
            return None
        return f"{self.election_timeout} is less than five times heartbeatInterval ({self.heartbeat_interval}): etcd refuses it"


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
    containerd: Containerd
    proxy: Proxy
    etcd: Etcd
    control_plane: ControlPlane
    rollout: WorkerRollout
    policy: Policy
    add_ons: tuple[AddOn, ...] = ()

    def control_plane_nodes(self) -> tuple[Node, ...]:
        """The control-plane nodes, in configured order."""
        return tuple(node for node in self.nodes if node.role is Role.CONTROL_PLANE)
