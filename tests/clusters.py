"""The cluster that tests render: three control-plane nodes and a worker on libvirt, artifacts from a mirror."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from cluster import versions
from cluster.config.load import load_config
from cluster.config.model import Cluster
from cluster.node import control_plane

SHA = "ab" * 32
VALUES: dict[str, Any] = {
    "cluster": {"name": "golden", "domain": "cluster.local"},
    "machines": {
        "source": "libvirt",
        "libvirt": {"os": "debian", "network": "10.77.0.0/24", "image": {"path": "base.qcow2", "sha256": SHA}},
    },
    "nodes": {
        "m1": {"role": "control-plane", "address": "10.77.0.11"},
        "m2": {"role": "control-plane", "address": "10.77.0.12"},
        "m3": {"role": "control-plane", "address": "10.77.0.13"},
        "w1": {
            "role": "worker",
            "address": "10.77.0.21",
            "labels": {"node.kubernetes.io/pool": "general", "disk": "ssd"},
            "taints": ["dedicated=database:NoSchedule"],
            "kubelet": {"maxPods": 60, "authentication": {"webhook": {"cacheTTL": "1m"}}},
        },
    },
    "kubelet": {"systemReserved": {"cpu": "200m"}},
    "kubernetes": {"artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "SHA256SUMS"}},
}
JWT: dict[str, Any] = {
    "issuer": {"url": "https://issuer.example", "audiences": ["plumbline"]},
    "claimMappings": {"username": {"claim": "sub", "prefix": "oidc:"}},
}
SETTINGS: dict[str, Any] = {
    "controlPlane": {
        "apiServer": {
            "extraArgs": {"max-requests-inflight": 800, "tls-sni-cert-key": ["/site/a.crt,/site/a.key"]},
            "extraVolumes": {"site": {"hostPath": "/etc/site", "mountPath": "/site"}},
            "authentication": {"jwt": [JWT]},
            "auditPolicy": {"rules": [{"level": "Metadata"}]},
            "podSecurity": {"enforce": "baseline", "exemptNamespaces": ["storage"]},
        },
        "controllerManager": {"extraArgs": {"node-monitor-period": "4s"}},
        "scheduler": {"extraArgs": {"v": 3}},
    },
    "etcd": {"extraArgs": {"snapshot-count": 20000}},
    "network": {"kubeProxy": {"metricsBindAddress": "0.0.0.0:10249"}},
}
"""Every kind of setting of the control plane's programs."""
IMAGES = (*control_plane.NAMES, "kube-proxy")
ARTIFACTS = (
    *(f"kubernetes/{versions.DEFAULT}/{name}" for name in ("kubelet", "kubectl")),
    *(f"containerd/{versions.CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    f"runc/{versions.RUNC}/runc",
    *(f"etcd/{versions.ETCD}/{name}" for name in ("etcd", "etcdctl", "etcdutl")),
    *(f"cni/{versions.CNI}/{name}" for name in versions.DELEGATED_PLUGINS),
    *(f"images/{name}-{versions.DEFAULT}.tar" for name in IMAGES),
    f"images/coredns-{versions.COREDNS}.tar",
    f"images/pause-{versions.PAUSE}.tar",
)


def values() -> dict[str, Any]:
    """A copy of the configuration, for a test to change."""
    return copy.deepcopy(VALUES)


def load(folder: Path, configured: dict[str, Any] | None = None) -> Cluster:
    """The cluster of a configuration, VALUES by default. Writes the files that it names to `folder`."""
    (folder / "SHA256SUMS").write_text("".join(f"{SHA}  {name}\n" for name in ARTIFACTS))
    return load_config(VALUES if configured is None else configured, folder)
