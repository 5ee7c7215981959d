"""Which certificates a cluster has: who each is for, what it may do and where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from cluster import paths
from cluster.model import Cluster, Node

ADMINISTRATORS = "plumbline:cluster-admins"
"""The administrators' group: bound to cluster-admin by RBAC, so that it can be unbound, unlike system:masters."""


@dataclass(frozen=True)
class Leaf:
    """One leaf certificate.

    `name` is unique in the cluster and begins with the node's. `node` is None for what stands on no node, and then so
    are the paths. `allowed_uses` are pulumi-tls's words.
    """

    name: str
    node: str | None
    common_name: str
    organization: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    allowed_uses: tuple[str, ...]
    certificate_path: str = ""
    key_path: str = ""


@dataclass(frozen=True)
class CertificatePlan:
    """All leaf certificates, the administrator's first, then each node's."""

    leaves: tuple[Leaf, ...]


def plan(cluster: Cluster) -> CertificatePlan:
    """The certificates of a cluster: for each node an identity of its own and a serving certificate."""
    administrator = Leaf(
        name="administrator",
        node=None,
        common_name=f"{cluster.name}-administrator",
        organization=ADMINISTRATORS,
        dns_names=(),
        ip_addresses=(),
        allowed_uses=_uses(cluster, "client_auth"),
    )
    leaves = [leaf for node in cluster.nodes for leaf in _of_node(cluster, node)]
    return CertificatePlan((administrator, *leaves))


def _of_node(cluster: Cluster, node: Node) -> tuple[Leaf, Leaf]:
    identity = f"system:node:{node.name}"
    client = Leaf(
        name=f"{node.name}-kubelet-client",
        node=node.name,
        common_name=identity,
        organization="system:nodes",
        dns_names=(),
        ip_addresses=(),
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


def _uses(cluster: Cluster, extended: str) -> tuple[str, ...]:
    """RSA keys may also be used to encipher a session key; ECDSA keys cannot."""
    if cluster.certificates.algorithm == "RSA":
        return ("digital_signature", "key_encipherment", extended)
    return ("digital_signature", extended)
