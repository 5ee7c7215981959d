"""The classic profile: what the 2018 series put on its nodes, rendered from its facts. For reading, not for running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from cluster.config.addresses import url
from cluster.config.model import Cluster, Node, Role, Subject
from cluster.rendering import render as render_template

CA_SUBJECT = Subject("kube-ca", "bootkube", "IT", "SG", "Singapore", "Singapore")
CLIENT_SUBJECT = Subject("kubelet", "system:masters", "IT", "SG", "Singapore", "Singapore")
"""One client certificate for all nodes, with every right there is: what `standard` mends first."""


@dataclass(frozen=True)
class _Parameters:
    role: str
    master: bool
    address: str
    dns: str
    domain: str


def render(cluster: Cluster, node: Node) -> dict[str, str]:
    """The series' files for one node, text by path, and the certificate subjects under certificates.yaml."""
    role = "master" if node.role is Role.CONTROL_PLANE else "worker"
    parameters = _Parameters(
        role=role,
        master=node.role is Role.CONTROL_PLANE,
        address=str(node.address),
        dns=str(cluster.network.cluster_dns),
        domain=cluster.domain,
    )
    return {
        "/etc/systemd/system/kubelet.service": render_template("classic/kubelet.service.j2", parameters),
        "/etc/kubernetes/kubeconfig": yaml.safe_dump(_kubeconfig(cluster), sort_keys=False),
        "certificates.yaml": yaml.safe_dump(_certificates(), sort_keys=False),
    }


def _kubeconfig(cluster: Cluster) -> dict[str, Any]:
    """All nodes talk to the third master: the single point of failure that `standard` does away with."""
    third = cluster.control_plane_nodes()[min(2, len(cluster.control_plane_nodes()) - 1)]
    embedded = "(embedded, base64)"
    authority = {"server": url(third.address, 443), "certificate-authority-data": embedded}
    credentials = {"client-certificate-data": embedded, "client-key-data": embedded}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "vagrant", "cluster": authority}],
        "users": [{"name": "kubelet", "user": credentials}],
        "contexts": [{"name": "kubelet", "context": {"cluster": "vagrant", "user": "kubelet"}}],
        "current-context": "kubelet",
    }


def _certificates() -> dict[str, Any]:
    def line(subject: Subject) -> str:
        return (
            f"/C={subject.country}/ST={subject.province}/L={subject.locality}"
            f"/O={subject.organization}/OU={subject.organizational_unit}/CN={subject.common_name}"
        )

    return {
        "ca": {
            "subject": line(CA_SUBJECT),
            "key": "RSA 2048",
            "keyUsage": ["digitalSignature", "keyEncipherment", "keyCertSign"],
        },
        "kubelet": {
            "subject": line(CLIENT_SUBJECT),
            "issuer": line(CA_SUBJECT),
            "key": "RSA 2048",
            "keyUsage": ["digitalSignature", "keyEncipherment"],
            "extendedKeyUsage": ["serverAuth", "clientAuth"],
        },
    }
