"""The cluster's own RBAC bindings."""

from __future__ import annotations

from cluster.addons.addon import Manifest
from cluster.pki.leaves import ADMINS


def manifests() -> list[Manifest]:
    """ClusterRoleBindings of the admins, and of the API server as a client of kubelets."""
    return [
        _binding(ADMINS, "cluster-admin", {"kind": "Group", "name": ADMINS}),
        _binding(
            "plumbline:kubelet-api",
            "system:kubelet-api-admin",
            {"kind": "User", "name": "kube-apiserver-kubelet-client"},
        ),
    ]


def _binding(name: str, role: str, subject: Manifest) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", **subject}],
    }
