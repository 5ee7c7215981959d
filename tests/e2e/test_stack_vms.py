"""A whole cluster on libvirt VMs: real Ignition, kernel, systemd, containerd and kubelets."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e import api, etcd, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.harness import ROOT, Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
NODES = {"m1", "w1"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("vms"), "small", timeout=1800) as project:
        yield project


def test_up_starts_every_kubelet(project: Project) -> None:
    scenarios.kubelets_run(project, NODES)
    for name in NODES:
        seen = project.ssh(name, "hostname; test -e /etc/.ignition-result.json || ls /etc/ssh/*.pub; uname -r")
        assert seen.split()[0] == name


def test_up_is_idempotent(project: Project) -> None:
    scenarios.second_up_writes_nothing(project)


def test_nodes_are_ready_and_run_pods(project: Project) -> None:
    kubectl = Kubectl(project, ["m1"])
    api.every_node_is_ready(kubectl, {"m1": "control-plane", "w1": "worker"})
    api.a_pod_runs(kubectl, "w1")


def test_etcd_requires_a_client_certificate(project: Project) -> None:
    etcd.members_serve(project, ["m1"])
    etcd.client_certificate_is_required(project, "m1")


@pytest.mark.thorough
def test_static_pod_runs(project: Project) -> None:
    scenarios.static_pod_runs(project, "w1")


@pytest.mark.thorough
def test_setting_restarts_one_kubelet(project: Project) -> None:
    scenarios.setting_of_one_node_restarts_its_kubelet(project, "w1", ["m1"])


@pytest.mark.thorough
def test_drift_is_shown_and_repaired(project: Project) -> None:
    scenarios.drift_is_shown_and_repaired(project, "w1", ["m1"])


@pytest.mark.thorough
def test_refused_setting_is_rolled_back(project: Project) -> None:
    scenarios.refused_setting_is_rolled_back(project, "w1", ["m1"])


@pytest.mark.thorough
def test_certificate_is_renewed_by_up(project: Project) -> None:
    scenarios.certificate_is_renewed(project, "w1", ["m1"])


@pytest.mark.thorough
def test_added_node_changes_only_routes_of_others(project: Project) -> None:
    record = {"role": "worker", "address": "10.77.0.22"}
    scenarios.added_node_changes_only_routes_of_others(project, NODES, "w2", record)
    assert "small-w2" not in project.run("virsh", "-q", "-c", "qemu:///system", "list", "--all")


def test_ignition_change_replaces_disk_and_domain(project: Project) -> None:
    key = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(project.path / "operator")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert key.returncode == 0
    project.set("machines.libvirt.authorizedKeys[0]", (project.path / "operator.pub").read_text().strip())
    try:
        plan = project.steps("preview")
    finally:
        project.unset("machines.libvirt.authorizedKeys")
    replaced = {name for name, op in plan if "replace" in op or op in ("create-replacement", "delete-replaced")}
    for node in NODES:
        assert {f"small-machines-{node}-{part}" for part in ("ignition", "disk", "domain")} <= replaced


def test_dev_stack_preview_creates_every_node(project: Project) -> None:
    dev = Project(project.path, "dev", project.printed, project.variables)
    dev.pulumi("stack", "init")
    try:
        created = [name for name, op in dev.steps("preview") if op == "create"]
    finally:
        dev.pulumi("stack", "rm", "--yes", "--preserve-config")
    for node in ("m1", "m2", "m3", "w1"):
        assert f"dev-machines-{node}-domain" in created
        assert f"{node}-kubelet" in created


def test_no_secret_is_shown(project: Project) -> None:
    scenarios.no_secret_is_shown(project)


def test_destroy_and_down_leave_nothing(project: Project) -> None:
    def listed(*command: str) -> str:
        return project.run("virsh", "-q", "-c", "qemu:///system", *command).strip()

    assert "small-m1" in listed("list", "--all"), "positive control: the domain exists"
    assert "small" in listed("net-list", "--all")
    assert "base-" in listed("vol-list", "small")
    project.pulumi("destroy", "--yes")
    assert not json.loads(project.exported())["deployment"].get("resources")
    for command in ("list", "net-list", "pool-list"):
        assert "small" not in listed(command, "--all")
    project.make("down", timeout=600)
    project.lab("check-clean")
    emulators = subprocess.run(["pgrep", "-f", "guest=small-"], capture_output=True, text=True)
    assert emulators.stdout == ""
    assert not list(project.path.glob(".lab/state/**/small.json")), "the stack must be removed"
    # Keys that the tests set and removed leave an empty object in the stack's file.
    left = (project.path / "Pulumi.small.yaml").read_text().replace(", kubelet: {}", "")
    assert left == (ROOT / "Pulumi.small.yaml").read_text()
