"""Add-ons: a setting changes the objects that depend on it, and nothing else."""

from __future__ import annotations

from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, counts


def setting_changes_its_object(project: Project, kubectl: Kubectl, resolver: str) -> None:
    """A DNS setting changes one set, and of it the ConfigMap only: the preview names the line."""
    project.set("network.resolvers[0]", resolver)
    try:
        rows = {name for name, _ in project.steps("preview")}
        assert rows == {f"{project.stack}-add-on-dns", "dns:ConfigMap kube-system/coredns"}
        printed = project.pulumi("preview", "--diff")
        assert f"ConfigMap kube-system/coredns: data.Corefile: +     forward . {resolver} {{" in printed
        assert counts(project.pulumi("up", "--yes")).get("updated") == 1
        corefile = kubectl.get("configmap", "coredns", "--namespace", "kube-system")["data"]["Corefile"]
        assert f"forward . {resolver}" in corefile
    finally:
        project.unset("network.resolvers[0]")
        project.pulumi("up", "--yes")
