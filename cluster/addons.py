"""What the cluster itself needs in its API: who may do what, the roles of nodes, and DNS."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml

from cluster import versions
from cluster.certificates import ADMINISTRATORS
from cluster.model import Cluster

Manifest = dict[str, Any]
KINDS = (
    *("serviceaccount", "configmap", "service", "deployment", "daemonset", "poddisruptionbudget"),
    *("role", "rolebinding", "clusterrole", "clusterrolebinding"),
)
"""What a set may have had before: where its former objects are looked for."""

DNS_LABELS = {"k8s-app": "kube-dns"}


def rbac() -> list[Manifest]:
    """The administrators' rights, and those of the API server on kubelets: both by a binding, so that they can be undone."""

    def binding(name: str, role: str, subject: Manifest) -> Manifest:
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", **subject}],
        }

    return [
        binding(ADMINISTRATORS, "cluster-admin", {"kind": "Group", "name": ADMINISTRATORS}),
        binding(
            "plumbline:kubelet-api",
            "system:kubelet-api-admin",
            {"kind": "User", "name": "kube-apiserver-kubelet-client"},
        ),
    ]


def dns(cluster: Cluster) -> list[Manifest]:
    """CoreDNS: two replicas apart from each other where there are nodes for it, at the cluster's DNS address."""
    return [
        _account(),
        _role(),
        _role_binding(),
        _corefile(cluster),
        _deployment(cluster),
        _service(cluster),
        _disruption_budget(),
    ]


@dataclass(frozen=True)
class AddOn:
    """A set of manifests that is applied, and pruned, as a whole. `text` is what kubectl reads.

    `rollouts` are what must be through before the set is: `<namespace>/<kind>/<name>`.
    """

    name: str
    revision: str
    text: str
    rollouts: tuple[str, ...] = ()


def add_on(name: str, manifests: list[Manifest]) -> AddOn:
    """The set under its name; each object is labelled with it and with the set's revision, by which it is pruned."""
    plain = _dumped(manifests)
    revision = hashlib.sha256(plain.encode()).hexdigest()[:16]
    labels = {"plumbline/set": name, "plumbline/revision": revision}
    labelled = [
        {**one, "metadata": {**one["metadata"], "labels": {**one["metadata"].get("labels", {}), **labels}}}
        for one in manifests
    ]
    rollouts = tuple(
        f"{one['metadata']['namespace']}/{one['kind'].lower()}/{one['metadata']['name']}"
        for one in manifests
        if one["kind"] in ("Deployment", "DaemonSet")
    )
    return AddOn(name, revision, _dumped(labelled), rollouts)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand line by line, so that a difference shows by its line. The same object twice is
    written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _dumped(manifests: list[Manifest]) -> str:
    return yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, width=1000)


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


def _corefile(cluster: Cluster) -> Manifest:
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
    """Who is asked for names outside the cluster: the resolvers of the node that CoreDNS runs on, others, or nobody."""
    if cluster.resolvers == ():
        return ""
    asked = " ".join(cluster.resolvers or ("/etc/resolv.conf",))
    return f"    forward . {asked} {{\n        max_concurrent 1000\n    }}\n"


def _deployment(cluster: Cluster) -> Manifest:
    apart = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": DNS_LABELS}}
    container = {
        "name": "coredns",
        "image": versions.COREDNS_IMAGE,
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
        "metadata": _meta("coredns", labels=DNS_LABELS),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": DNS_LABELS},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": DNS_LABELS},
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
        "metadata": _meta("kube-dns", labels={**DNS_LABELS, "kubernetes.io/name": "CoreDNS"}),
        "spec": {
            "selector": DNS_LABELS,
            "clusterIP": cluster.dns_address,
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
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": DNS_LABELS}},
    }
