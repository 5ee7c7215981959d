"""CoreDNS, the cluster's DNS."""

from __future__ import annotations

from typing import Any

from cluster import versions
from cluster.addons.addon import Manifest
from cluster.config.model import Cluster

LABELS = {"k8s-app": "kube-dns"}


def manifests(cluster: Cluster) -> list[Manifest]:
    """CoreDNS at the cluster's DNS address: two replicas, on different nodes if two nodes accept them."""
    return [
        _account(),
        _role(),
        _role_binding(),
        _config_map(cluster),
        _deployment(cluster),
        _service(cluster),
        _disruption_budget(),
    ]


def _meta(name: str, **more: Any) -> Manifest:
    return {"name": name, "namespace": "kube-system", **more}


def _account() -> Manifest:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("coredns")}


def _role() -> Manifest:
    read = ["list", "watch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "plumbline:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": read},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        ],
    }


def _role_binding() -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "plumbline:coredns"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "plumbline:coredns"},
        "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}],
    }


def _config_map(cluster: Cluster) -> Manifest:
    corefile = f""".:53 {{
    errors
    health {{
        lameduck 5s
    }}
    ready
    kubernetes {cluster.domain} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus :9153
{_forward(cluster)}    cache 30
    loop
    reload
    loadbalance
}}
"""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("coredns"), "data": {"Corefile": corefile}}


def _forward(cluster: Cluster) -> str:
    """The upstream resolvers for names outside the cluster: the configured ones, else those of the pod's node; or none."""
    resolvers = cluster.network.resolvers
    if resolvers == ():
        return ""
    upstream = " ".join(str(address) for address in resolvers) if resolvers else "/etc/resolv.conf"
    return f"    forward . {upstream} {{\n        max_concurrent 1000\n    }}\n"


def _deployment(cluster: Cluster) -> Manifest:
    apart = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": LABELS}}
    container = {
        "name": "coredns",
        "image": cluster.kubernetes.artifacts.reference(versions.COREDNS_IMAGE),
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 5},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta("coredns", labels=LABELS),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "priorityClassName": "system-cluster-critical",
                    "serviceAccountName": "coredns",
                    "dnsPolicy": "Default",
                    "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
                    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                    "affinity": {
                        "podAntiAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {"weight": 100, "podAffinityTerm": apart}
                            ]
                        }
                    },
                    "containers": [container],
                    "volumes": [
                        {
                            "name": "config",
                            "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
                        }
                    ],
                },
            },
        },
    }


def _service(cluster: Cluster) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta("kube-dns", labels={**LABELS, "kubernetes.io/name": "CoreDNS"}),
        "spec": {
            "selector": LABELS,
            "clusterIP": str(cluster.network.cluster_dns),
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                {"name": "metrics", "port": 9153, "protocol": "TCP"},
            ],
        },
    }


def _disruption_budget() -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta("coredns"),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}},
    }
