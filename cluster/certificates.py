"""Which certificates a cluster has: who each is for, what it may do and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cluster import control_plane, paths, static_pods, syntax, versions
from cluster.model import Cluster, Node, Role

ADMINISTRATOR = "administrator"
BOOTSTRAP = "bootstrap"
"""Names of the leaves that stand on no node: the operator's, and the one that applies rights before there are any."""

ADMINISTRATORS = "plumbline:cluster-admins"
"""The administrators' group: bound to cluster-admin by RBAC, so that it can be unbound, unlike system:masters."""


class Authority(StrEnum):
    """Who signs. etcd's is unique to it: whoever holds one of its certificates reads and writes everything."""

    KUBERNETES = "kubernetes"
    ETCD = "etcd"
    FRONT_PROXY = "front-proxy"


class Concern(StrEnum):
    """Which of a node's states brings a leaf to it."""

    KUBELET = "kubelet"
    ETCD = "etcd"
    CONTROL_PLANE = "control-plane"
    NETWORK = "network"


@dataclass(frozen=True)
class Leaf:
    """One leaf certificate.

    `name` is unique in the cluster and begins with the node's. `node` is None for what stands on no node, and then so
    are the paths. `allowed_uses` are pulumi-tls's words.
    """

    name: str
    node: str | None
    common_name: str
    allowed_uses: tuple[str, ...]
    organization: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    certificate_path: str = ""
    key_path: str = ""
    authority: Authority = Authority.KUBERNETES
    concern: Concern = Concern.KUBELET


@dataclass(frozen=True)
class CertificatePlan:
    """All leaf certificates, first those that stand on no node, then each node's."""

    leaves: tuple[Leaf, ...]


def plan(cluster: Cluster) -> CertificatePlan:
    """The certificates of a cluster: for each node an identity of its own and a serving certificate."""

    def person(name: str, group: str) -> Leaf:
        return Leaf(
            name=name,
            node=None,
            common_name=f"{cluster.name}-{name}",
            organization=group,
            allowed_uses=_uses(cluster, "client_auth"),
        )

    # Nobody has rights before the first binding, but for the group that Kubernetes itself knows.
    leaves = [person(ADMINISTRATOR, ADMINISTRATORS), person(BOOTSTRAP, "system:masters")]
    for node in cluster.nodes:
        leaves += _of_node(cluster, node)
        if node.role is Role.CONTROL_PLANE:
            leaves += _of_etcd(cluster, node)
            leaves += _of_control_plane(cluster, node)
        leaves.append(_of_kube_proxy(cluster, node))
    return CertificatePlan(tuple(leaves))


def _of_node(cluster: Cluster, node: Node) -> tuple[Leaf, Leaf]:
    identity = f"system:node:{node.name}"
    client = Leaf(
        name=f"{node.name}-kubelet-client",
        node=node.name,
        common_name=identity,
        organization="system:nodes",
        allowed_uses=_uses(cluster, "client_auth"),
        certificate_path=paths.KUBELET_CLIENT_CERTIFICATE,
        key_path=paths.KUBELET_CLIENT_KEY,
    )
    serving = Leaf(
        name=f"{node.name}-kubelet-serving",
        node=node.name,
        common_name=identity,
        organization="system:nodes",
        dns_names=(node.name,),
        ip_addresses=(node.address,),
        allowed_uses=_uses(cluster, "server_auth"),
        certificate_path=paths.KUBELET_CERTIFICATE,
        key_path=paths.KUBELET_KEY,
    )
    return client, serving


def _of_etcd(cluster: Cluster, node: Node) -> tuple[Leaf, Leaf, Leaf]:
    """A member's two certificates, each for both ends of a connection as etcd uses them, and one to ask for health."""

    def leaf(name: str, common_name: str, uses: tuple[str, ...], certificate: str, key: str, served: bool) -> Leaf:
        return Leaf(
            name=f"{node.name}-etcd-{name}",
            node=node.name,
            common_name=common_name,
            dns_names=(node.name, "localhost") if served else (),
            ip_addresses=(node.address, "127.0.0.1") if served else (),
            allowed_uses=uses,
            certificate_path=certificate,
            key_path=key,
            authority=Authority.ETCD,
            concern=Concern.ETCD,
        )

    both = _uses(cluster, "server_auth", "client_auth")
    client = _uses(cluster, "client_auth")
    return (
        leaf("server", "kube-etcd", both, paths.ETCD_CERTIFICATE, paths.ETCD_KEY, True),
        leaf("peer", "kube-etcd-peer", both, paths.ETCD_PEER_CERTIFICATE, paths.ETCD_PEER_KEY, True),
        leaf(
            "health-client",
            "kube-etcd-healthcheck-client",
            client,
            paths.ETCD_CLIENT_CERTIFICATE,
            paths.ETCD_CLIENT_KEY,
            False,
        ),
    )


def _of_control_plane(cluster: Cluster, node: Node) -> tuple[Leaf, ...]:
    """The API server's own certificate, and an identity for each connection that the control plane opens."""

    def client(
        name: str, component: str, file: str, common_name: str, authority: Authority = Authority.KUBERNETES
    ) -> Leaf:
        return Leaf(
            name=f"{node.name}-{name}",
            node=node.name,
            common_name=common_name,
            allowed_uses=_uses(cluster, "client_auth"),
            certificate_path=static_pods.file(component, f"{file}.crt"),
            key_path=static_pods.file(component, f"{file}.key"),
            authority=authority,
            concern=Concern.CONTROL_PLANE,
        )

    api_server = control_plane.API_SERVER
    manager, scheduler = control_plane.CONTROLLER_MANAGER, control_plane.SCHEDULER
    virtual = (cluster.endpoint,) if cluster.endpoint != cluster.api_name else ()
    numeric = syntax.address(cluster.endpoint) is None
    serving = Leaf(
        name=f"{node.name}-apiserver",
        node=node.name,
        common_name="kube-apiserver",
        dns_names=(
            *(node.name, "localhost", cluster.api_name),
            *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
            f"kubernetes.default.svc.{cluster.domain}",
            *(() if numeric else virtual),
        ),
        ip_addresses=(node.address, "127.0.0.1", control_plane.service_address(cluster), *(virtual if numeric else ())),
        allowed_uses=_uses(cluster, "server_auth"),
        certificate_path=static_pods.file(api_server, "server.crt"),
        key_path=static_pods.file(api_server, "server.key"),
        concern=Concern.CONTROL_PLANE,
    )
    return (
        serving,
        # Bound by RBAC to system:kubelet-api-admin, and to nothing else.
        client("apiserver-kubelet-client", api_server, "kubelet-client", "kube-apiserver-kubelet-client"),
        client("apiserver-etcd-client", api_server, "etcd-client", "kube-apiserver-etcd-client", Authority.ETCD),
        client("front-proxy-client", api_server, "front-proxy-client", "front-proxy-client", Authority.FRONT_PROXY),
        client("controller-manager", manager, "client", "system:kube-controller-manager"),
        client("scheduler", scheduler, "client", "system:kube-scheduler"),
    )


def _of_kube_proxy(cluster: Cluster, node: Node) -> Leaf:
    """An identity for the node's service proxy: Kubernetes itself binds it to what it may read."""
    return Leaf(
        name=f"{node.name}-kube-proxy",
        node=node.name,
        common_name="system:kube-proxy",
        allowed_uses=_uses(cluster, "client_auth"),
        certificate_path=static_pods.file(versions.KUBE_PROXY, "client.crt"),
        key_path=static_pods.file(versions.KUBE_PROXY, "client.key"),
        concern=Concern.NETWORK,
    )


def _uses(cluster: Cluster, *extended: str) -> tuple[str, ...]:
    """RSA keys may also be used to encipher a session key; ECDSA keys cannot."""
    if cluster.certificates.algorithm == "RSA":
        return ("digital_signature", "key_encipherment", *extended)
    return ("digital_signature", *extended)
