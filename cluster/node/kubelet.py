"""The kubelet of a node: its configuration, kubeconfig and unit, and what a change of each needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from cluster.config.kubelet_base import BASE, merge
from cluster.config.model import Cluster, Node
from cluster.node import kubeconfig, paths
from cluster.rendering import TEMPLATES, render
from cluster.state import Action, Directory, File, Reaction, Readiness, State, Unit

UNIT = "kubelet.service"

CIPHERS = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]
"""What the CIS benchmark (4.2.12) takes for strong, as far as Go still offers it for TLS 1.2."""


@dataclass(frozen=True)
class _UnitParameters:
    bin: str
    kubelet: str
    config: str
    kubeconfig: str
    name: str
    address: str
    labels: str


def state(cluster: Cluster, node: Node) -> State:
    """What the node must hold for its kubelet, without the certificates that the plan issues.

    The reactions name those too: a serving certificate is reread by the kubelet itself; its client certificate also,
    within minutes and unseen from outside, so nothing waits for it; a new authority takes a restart.
    """
    return State(
        files={
            paths.KUBELET: File(source=cluster.kubernetes.artifacts.kubelet, mode="0755"),
            paths.KUBELET_CONFIG: File(_dump(configuration(cluster, node)), mode="0600"),
            paths.KUBECONFIG: File(kubeconfig.node(cluster), mode="0600"),
            paths.KUBELET_UNIT: File(_unit(node), mode="0600"),
            # Read at each dial: a change of it restarts nothing.
            paths.HOSTS: File(kubeconfig.hosts(cluster, node), block=True),
            paths.STATIC_POD: File((TEMPLATES / "node/static_pod/static-pod.sh").read_text(), mode="0755"),
        },
        directories={
            paths.KUBERNETES: Directory(),
            paths.PKI: Directory(),
            paths.MANIFESTS: Directory("0700"),
            paths.VOLUME_PLUGINS: Directory(),
        },
        units={UNIT: Unit()},
        reactions=(
            Reaction(
                UNIT,
                Action.RESTART,
                (
                    paths.KUBELET,
                    paths.KUBELET_CONFIG,
                    paths.KUBECONFIG,
                    paths.KUBELET_UNIT,
                    paths.CA_CERTIFICATE,
                ),
            ),
            Reaction(
                UNIT,
                Action.SELF_RELOAD,
                (paths.KUBELET_CERTIFICATE, paths.KUBELET_KEY),
                served_at=paths.KUBELET_SERVED,
                certificate=paths.KUBELET_CERTIFICATE,
            ),
        ),
        readiness=(Readiness(UNIT, http=paths.KUBELET_HEALTH, timeout=300),),
    )


def configuration(cluster: Cluster, node: Node) -> dict[str, Any]:
    """The node's KubeletConfiguration: ours, then the cluster's overrides, then the node's own, merged key by key."""
    ours = {
        "authentication": {"x509": {"clientCAFile": paths.CA_CERTIFICATE}},
        "clusterDNS": [str(cluster.network.cluster_dns)],
        "clusterDomain": cluster.domain,
        "containerRuntimeEndpoint": f"unix://{paths.CONTAINERD_SOCKET}",
        "registerWithTaints": [_taint(taint.key, taint.value, taint.effect) for taint in node.taints],
        "staticPodPath": paths.MANIFESTS,
        "tlsCertFile": paths.KUBELET_CERTIFICATE,
        "tlsPrivateKeyFile": paths.KUBELET_KEY,
        "tlsCipherSuites": CIPHERS,
        "volumePluginDir": paths.VOLUME_PLUGINS,
    }
    return merge(merge(merge(BASE, ours), cluster.kubelet), node.kubelet)


def _taint(key: str, value: str, effect: str) -> dict[str, str]:
    return {"key": key, "value": value, "effect": effect} if value else {"key": key, "effect": effect}


def _dump(configuration: dict[str, Any]) -> str:
    return yaml.safe_dump(configuration, sort_keys=False, default_flow_style=False)


def _unit(node: Node) -> str:
    labels = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
    return render(
        "node/kubelet/kubelet.service.j2",
        _UnitParameters(
            paths.BIN, paths.KUBELET, paths.KUBELET_CONFIG, paths.KUBECONFIG, node.name, str(node.address), labels
        ),
    )
