"""The leaf certificates of a cluster: subject, names and usage. The modules of cluster.node say which file each goes to."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config.addresses import gateway
from cluster.config.model import Cluster, Node, Role
from cluster.step import CA

ADMIN = "administrator"
BOOTSTRAP = "bootstrap"
"""Leaves that are on no node: the admin's, and the one that applies the RBAC bindings before any exist."""

ADMINS = "plumbline:cluster-admins"
"""The admins' group, bound to cluster-admin by RBAC: unlike system:masters, it can be unbound."""


@dataclass(frozen=True)
class Leaf:
    """One leaf certificate.

    `name` is unique in the cluster. `node` is the node that has it, None for a leaf that is on no node.
    `allowed_uses` has the values of pulumi-tls.
    """

    name: str
    node: str | None
    common_name: str
    allowed_uses: tuple[str, ...]
    organization: str = ""
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    ca: CA = CA.KUBERNETES

    @property
    def request(self) -> tuple[str, ...]:
        """The content of its signing request, but for the key: a certificate with another one is another certificate."""
        return (f"CN={self.common_name}", f"O={self.organization}", *self.dns_names, *self.ip_addresses)


def leaves(cluster: Cluster) -> tuple[Leaf, ...]:
    """All leaf certificates: first those on no node, then those of each node."""
    # Before the first binding exists only the built-in group system:masters is authorized.
    found = [_off_node(cluster, ADMIN, ADMINS), _off_node(cluster, BOOTSTRAP, "system:masters")]
    for node in cluster.nodes:
        found += _kubelet(cluster, node)
        if node.role is Role.CONTROL_PLANE:
            found += _etcd(cluster, node)
            found += _control_plane(cluster, node)
        found.append(_client(cluster, node, "kube-proxy", "system:kube-proxy"))
    return tuple(found)


def _off_node(cluster: Cluster, name: str, group: str) -> Leaf:
    return Leaf(name, None, f"{cluster.name}-{name}", _uses(cluster, "client_auth"), organization=group)


def _kubelet(cluster: Cluster, node: Node) -> tuple[Leaf, Leaf]:
    identity = f"system:node:{node.name}"
    client = Leaf(
        f"{node.name}-kubelet-client",
        node.name,
        identity,
        _uses(cluster, "client_auth"),
        organization="system:nodes",
    )
    serving = Leaf(
        f"{node.name}-kubelet-serving",
        node.name,
        identity,
        _uses(cluster, "server_auth"),
        organization="system:nodes",
        dns_names=(node.name,),
        ip_addresses=(str(node.address),),
    )
    return client, serving


def _etcd(cluster: Cluster, node: Node) -> tuple[Leaf, Leaf, Leaf]:
    """A member's server and peer certificates, each for both ends of a connection as etcd requires, and a health client's."""

    def member(name: str, common_name: str) -> Leaf:
        return Leaf(
            f"{node.name}-etcd-{name}",
            node.name,
            common_name,
            _uses(cluster, "server_auth", "client_auth"),
            dns_names=(node.name, "localhost"),
            ip_addresses=(str(node.address), "127.0.0.1"),
            ca=CA.ETCD,
        )

    health = _client(cluster, node, "etcd-health-client", "kube-etcd-healthcheck-client", CA.ETCD)
    return member("server", "kube-etcd"), member("peer", "kube-etcd-peer"), health


def _control_plane(cluster: Cluster, node: Node) -> tuple[Leaf, ...]:
    """The API server's serving certificate, and a client certificate for each connection that the control plane opens."""
    api = cluster.kubernetes
    endpoint = api.control_plane_endpoint
    other = (endpoint,) if endpoint != api.internal_endpoint else ()
    serving = Leaf(
        f"{node.name}-apiserver",
        node.name,
        "kube-apiserver",
        _uses(cluster, "server_auth"),
        dns_names=(
            *(node.name, "localhost", api.internal_endpoint),
            *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
            f"kubernetes.default.svc.{cluster.domain}",
            *(name for name in other if isinstance(name, str)),
        ),
        ip_addresses=(
            *(str(node.address), "127.0.0.1", str(gateway(cluster.network.service_cidr))),
            *(str(address) for address in other if not isinstance(address, str)),
        ),
    )
    return (
        serving,
        # RBAC binds it to system:kubelet-api-admin, and to nothing else.
        _client(cluster, node, "apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
        _client(cluster, node, "apiserver-etcd-client", "kube-apiserver-etcd-client", CA.ETCD),
        _client(cluster, node, "front-proxy-client", "front-proxy-client", CA.FRONT_PROXY),
        _client(cluster, node, "controller-manager", "system:kube-controller-manager"),
        _client(cluster, node, "scheduler", "system:kube-scheduler"),
    )


def _client(cluster: Cluster, node: Node, name: str, common_name: str, ca: CA = CA.KUBERNETES) -> Leaf:
    return Leaf(f"{node.name}-{name}", node.name, common_name, _uses(cluster, "client_auth"), ca=ca)


def _uses(cluster: Cluster, *extended: str) -> tuple[str, ...]:
    """The key usages. RSA keys may also encipher a session key; ECDSA keys cannot."""
    if cluster.certificates.algorithm == "RSA":
        return ("digital_signature", "key_encipherment", *extended)
    return ("digital_signature", *extended)
