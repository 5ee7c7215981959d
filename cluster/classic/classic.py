"""The files that the 2018 blog series put on its nodes, for reading.

They cannot run: rkt is gone, its image registry no longer has hyperkube v1.7.5_coreos.1, and no kubelet since has the flags
require-kubeconfig, allow-privileged or network-plugin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from cluster.config.addresses import IPAddress, url
from cluster.config.model import Node, Role, Subject
from cluster.rendering import render as render_template

CA_SUBJECT = Subject("kube-ca", "bootkube", "IT", "SG", "Singapore", "Singapore")
CLIENT_SUBJECT = Subject("kubelet", "system:masters", "IT", "SG", "Singapore", "Singapore")
"""A system:masters certificate shared by all nodes; today each node has its own identity."""


@dataclass(frozen=True)
class _Parameters:
    role: str
    master: bool
    address: str
    dns: str
    domain: str


def render(node: Node, nodes: Sequence[Node], domain: str, dns: IPAddress) -> dict[str, str]:
    """The series' files for one of the nodes, text by path; the certificate subjects are in /certificates.yaml."""
    role = "master" if node.role is Role.CONTROL_PLANE else "worker"
    parameters = _Parameters(
        role=role,
        master=node.role is Role.CONTROL_PLANE,
        address=str(node.address),
        dns=str(dns),
        domain=domain,
    )
    return {
        "/etc/systemd/system/kubelet.service": render_template("classic/kubelet.service.j2", parameters),
        "/etc/kubernetes/kubeconfig": yaml.safe_dump(_kubeconfig(nodes), sort_keys=False),
        "/certificates.yaml": yaml.safe_dump(_certificates(), sort_keys=False),
    }


def _kubeconfig(nodes: Sequence[Node]) -> dict[str, Any]:
    """All nodes use the API server of the third master: a single point of failure."""
    masters = [node for node in nodes if node.role is Role.CONTROL_PLANE]
    third = masters[min(2, len(masters) - 1)]
    embedded = "(embedded, base64)"
    api_server = {"server": url(third.address, 443), "certificate-authority-data": embedded}
    credentials = {"client-certificate-data": embedded, "client-key-data": embedded}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "vagrant", "cluster": api_server}],
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
