"""Add-ons: the plan shows a change, and objects of earlier versions are pruned."""

from __future__ import annotations

from typing import Any

import yaml

from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, counts


def _object(kind: str, name: str, labels: dict[str, str], namespace: str | None) -> dict[str, Any]:
    version = "v1" if namespace else "rbac.authorization.k8s.io/v1"
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels, **place}}


def former_objects_are_pruned(project: Project, kubectl: Kubectl, resolver: str) -> None:
    """A DNS setting changes one step of the plan and the objects of this set only.

    Objects of an earlier version of the set are deleted, namespaced or not. Similar objects of another set stay.
    """

    def left() -> set[str]:
        named = ["configmaps,serviceaccounts,clusterroles", "--all-namespaces", "--selector", "plumbline-test=pruning"]
        return {f"{found['kind']}/{found['metadata']['name']}" for found in kubectl.get(*named)["items"]}

    former = {"plumbline/set": "dns", "plumbline/revision": "0123456789abcdef", "plumbline-test": "pruning"}
    other = {**former, "plumbline/set": "another-set"}
    objects = [
        _object("ConfigMap", "former", former, "kube-system"),
        _object("ServiceAccount", "former", former, "default"),
        _object("ClusterRole", "plumbline:former", former, None),
        _object("ConfigMap", "bystander", other, "kube-system"),
        _object("ClusterRole", "plumbline:bystander", other, None),
    ]
    kubectl("apply", "--server-side", "--filename", "-", stdin=yaml.safe_dump_all(objects))
    assert len(left()) == len(objects)
    project.set("network.resolvers[0]", resolver)
    try:
        assert project.steps("preview") == [(f"{project.stack}-add-on-dns", "update")]
        assert f"forward . {resolver}" in project.pulumi("preview", "--diff")
        assert counts(project.pulumi("up", "--yes")).get("updated") == 1
        assert left() == {"ConfigMap/bystander", "ClusterRole/plumbline:bystander"}
        corefile = kubectl.get("configmap", "coredns", "--namespace", "kube-system")["data"]["Corefile"]
        assert f"forward . {resolver}" in corefile
    finally:
        project.unset("network.resolvers[0]")
        project.pulumi("up", "--yes")
        kubectl("delete", "configmap/bystander", "--namespace", "kube-system")
        kubectl("delete", "clusterrole/plumbline:bystander")
