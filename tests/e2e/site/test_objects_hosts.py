"""Drift behind the API of a real cluster: named in the preview to the field, repaired by `up`; with a control-plane node
stopped, too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e import faults, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, counts, running_project, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
SYSTEM = ("--namespace", "kube-system")
DNS = "Deployment kube-system/coredns"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("objects"), "hosts") as project:
        yield project


@pytest.fixture(scope="module")
def kubectl(project: Project) -> Kubectl:
    return Kubectl(project, ["m1", "m2", "m3"])


def drift(kubectl: Kubectl) -> dict[str, str]:
    """Makes each kind of drift; returns what the preview must say of each: the object, and the line."""
    kubectl("scale", "deployment/coredns", *SYSTEM, "--replicas", "0")
    kubectl("set", "image", "deployment/coredns", *SYSTEM, "coredns=example.test/evil:1")
    corefile = kubectl.get("configmap", "coredns", *SYSTEM)["data"]["Corefile"]
    edited = json.dumps({"data": {"Corefile": corefile.replace("cache 30", "cache 5")}})
    kubectl("patch", "configmap/coredns", *SYSTEM, "--patch", edited)
    kubectl(
        "patch", "clusterrole/plumbline:coredns", "--type", "json", "--patch", '[{"op": "remove", "path": "/rules/1"}]'
    )
    kubectl("delete", "poddisruptionbudget/coredns", *SYSTEM)
    kubectl("label", "node/w1", "node-role.kubernetes.io/worker-")
    kubectl("taint", "nodes", "m1", "node-role.kubernetes.io/control-plane:NoSchedule-")
    kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager", "others", "--filename", "-"),
        stdin=json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "theirs"}},
            }
        ),
    )
    return {
        "scaled": f"{DNS}: spec.replicas: 0 -> 2 (drift)",
        "image": f"{DNS}: spec.template.spec.containers[name=coredns].image: example.test/evil:1 -> registry.k8s.io/coredns",
        "config map": "ConfigMap kube-system/coredns: data.Corefile: -     cache 5 (drift)",
        "rule": "ClusterRole plumbline:coredns: rules: ",
        "deleted": "PodDisruptionBudget kube-system/coredns: created (drift)",
        "label": "Node w1: metadata.labels[node-role.kubernetes.io/worker]: (nothing) -> ",
        "taint": "Node m1: spec.taints[node-role.kubernetes.io/control-plane:NoSchedule]: (nothing) -> ",
        "taken": "Service kube-system/kube-dns: metadata.labels.k8s-app was taken by others, and is left to it",
    }


def repaired(project: Project, kubectl: Kubectl) -> None:
    """Checks that all of it is as the program has it, but for the field that another manager took."""
    found = kubectl.get("deployment", "coredns", *SYSTEM)
    assert found["spec"]["replicas"] == 2
    assert "evil" not in json.dumps(found["spec"])
    assert "cache 30" in kubectl.get("configmap", "coredns", *SYSTEM)["data"]["Corefile"]
    assert len(kubectl.get("clusterrole", "plumbline:coredns")["rules"]) == 2
    assert kubectl.get("poddisruptionbudget", "coredns", *SYSTEM)["spec"]["maxUnavailable"] == 1
    assert "node-role.kubernetes.io/worker" in kubectl.get("node", "w1")["metadata"]["labels"]
    taints = {one["key"] for one in kubectl.get("node", "m1")["spec"]["taints"]}
    assert "node-role.kubernetes.io/control-plane" in taints
    assert kubectl.get("service", "kube-dns", *SYSTEM)["metadata"]["labels"]["k8s-app"] == "theirs"


def changed(project: Project) -> set[str]:
    """The resources of a preview that change."""
    return {name for name, _ in project.steps("preview") if ":" not in name}


def test_up_is_idempotent(project: Project) -> None:
    scenarios.second_up_writes_nothing(project)


def test_drift_is_named_to_the_field_and_repaired(project: Project, kubectl: Kubectl) -> None:
    expected = drift(kubectl)
    printed = project.pulumi("preview", "--refresh", "--diff")
    assert [kind for kind, line in expected.items() if line not in printed] == []
    resources = {"hosts-add-on-dns", "w1-registration", "m1-registration"}
    assert changed(project) == resources
    kubelets = {node: project.started(node) for node in ("m1", "w1")}
    assert counts(project.pulumi("up", "--yes", "--refresh"))["updated"] == len(resources)
    repaired(project, kubectl)
    assert {node: project.started(node) for node in kubelets} == kubelets, "nothing else was touched"
    assert changed(project) == set()


def test_a_field_is_taken_back_once_its_manager_is_named(project: Project, kubectl: Kubectl) -> None:
    project.set("policy.takeFieldsFrom[0]", "others")
    try:
        printed = project.pulumi("preview", "--diff")
        assert "Service kube-system/kube-dns: metadata.labels.k8s-app: theirs -> kube-dns (drift)" in printed
        project.pulumi("up", "--yes")
        assert kubectl.get("service", "kube-dns", *SYSTEM)["metadata"]["labels"]["k8s-app"] == "kube-dns"
    finally:
        project.unset("policy.takeFieldsFrom[0]")
        project.pulumi("up", "--yes")


@pytest.mark.parametrize("lost", ["m1"])
def test_drift_is_repaired_without_a_control_plane_node(project: Project, kubectl: Kubectl, lost: str) -> None:
    """With the first one stopped: the others are asked, and it is named as passed over."""
    restore = faults.stop(project, lost)
    try:
        expected = {kind: line for kind, line in drift(kubectl).items() if kind != "taken"}
        printed = project.pulumi("preview", "--refresh", "--diff")
        assert f"{lost}: passed over, the API is asked through m2: " in printed
        assert [kind for kind, line in expected.items() if line not in printed] == []
        project.pulumi("up", "--yes", "--continue-on-error", check=False)
        repaired(project, kubectl)
    finally:
        restore()
    wait_for(f"{lost} answers", lambda: project.ssh(lost, "true", check=False) == "", 120)


def test_worker_changes_with_the_first_control_plane_node_black_holed(project: Project, kubectl: Kubectl) -> None:
    wait_for("m1 is Ready", lambda: "True" in ready(kubectl, "m1"), 240)
    restore = faults.black_hole(project, "m1")
    try:
        project.set("nodes.w1.labels.proof", "yes")
        printed = project.pulumi("up", "--yes")
        assert "m1: passed over, the API is asked through m2: " in printed
        assert kubectl.get("node", "w1")["metadata"]["labels"]["proof"] == "yes"
    finally:
        restore()
        project.unset("nodes.w1.labels.proof")
    wait_for("m1 answers", lambda: project.ssh("m1", "true", check=False) == "", 120)
    project.pulumi("up", "--yes")
    assert "proof" not in kubectl.get("node", "w1")["metadata"]["labels"]


def ready(kubectl: Kubectl, node: str) -> str:
    """The status of the node's condition Ready."""
    conditions = kubectl.get("node", node)["status"]["conditions"]
    return next(str(one["status"]) for one in conditions if one["type"] == "Ready")
