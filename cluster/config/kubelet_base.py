"""The program's own KubeletConfiguration, and its keys that the user may not set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PER_NODE: Any = None
"""Placeholder for a value that cluster.node.kubelet fills in."""

BASE: Mapping[str, Any] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {
        "anonymous": {"enabled": False},
        "webhook": {"enabled": True},
        "x509": {"clientCAFile": PER_NODE},
    },
    "authorization": {"mode": "Webhook"},
    "cgroupDriver": "systemd",
    "clusterDNS": PER_NODE,
    "clusterDomain": PER_NODE,
    "containerRuntimeEndpoint": PER_NODE,
    "eventRecordQPS": 50,
    "healthzBindAddress": "127.0.0.1",
    "healthzPort": 10248,
    "makeIPTablesUtilChains": True,
    "maxPods": 110,
    "podPidsLimit": 4096,
    "protectKernelDefaults": True,
    "readOnlyPort": 0,
    "registerWithTaints": PER_NODE,
    "resolvConf": "/run/systemd/resolve/resolv.conf",
    "rotateCertificates": False,
    "seccompDefault": True,
    "serializeImagePulls": False,
    "maxParallelImagePulls": 5,
    "shutdownGracePeriod": "45s",
    "shutdownGracePeriodCriticalPods": "30s",
    "staticPodPath": PER_NODE,
    "streamingConnectionIdleTimeout": "5m",
    "tlsCertFile": PER_NODE,
    "tlsPrivateKeyFile": PER_NODE,
    "tlsMinVersion": "VersionTLS12",
    "tlsCipherSuites": PER_NODE,
    "volumePluginDir": PER_NODE,
}
"""The keys in the order of the written file."""

OWNED = {
    "apiVersion": "it is always kubelet.config.k8s.io/v1beta1",
    "kind": "it is always KubeletConfiguration",
    "authentication.x509.clientCAFile": "the CA comes from the plan",
    "clusterDNS": "set network.clusterDNS",
    "clusterDomain": "set cluster.domain",
    "containerRuntimeEndpoint": "the program installs the container runtime",
    "healthzBindAddress": "the readiness check connects there",
    "healthzPort": "the readiness check connects there",
    "port": "the check of the served certificate connects there",
    "readOnlyPort": "it serves without authentication and stays closed",
    "registerWithTaints": "set nodes.<name>.taints",
    "rotateCertificates": "the certificate comes from the plan, which renews it",
    "serverTLSBootstrap": "the certificate comes from the plan, which renews it",
    "staticPodPath": "the program's static pods are there",
    "tlsCertFile": "the certificate comes from the plan",
    "tlsPrivateKeyFile": "the key comes from the plan",
}
"""Paths that the program sets, with the reason or what to set instead."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` merged over `base`: objects key by key, everything else replaced. null leaves a key to the kubelet's default."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
