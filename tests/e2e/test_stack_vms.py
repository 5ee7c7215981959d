"""The whole job on virtual machines: real Ignition, kernel, systemd, containerd and kubelets, on libvirt."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e import api, scenarios, store
from tests.e2e.api import Kubectl
from tests.e2e.harness import ROOT, Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
NODES = {"m1", "w1"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("vms"), "small", timeout=1800) as project:
        yield project


def test_up_ends_with_running_kubelets(project: Project) -> None:
    scenarios.every_kubelet_runs(project, NODES)
    for name in NODES:
        seen = project.ssh(name, "hostname; test -e /etc/.ignition-result.json || ls /etc/ssh/*.pub; uname -r")
        assert seen.split()[0] == name


def test_a_second_up_writes_nothing(project: Project) -> None:
    scenarios.a_second_up_writes_nothing(project)


def test_every_node_is_ready_and_runs_a_pod(project: Project) -> None:
    kubectl = Kubectl(project, ["m1"])
    api.every_node_is_ready(kubectl, {"m1": "control-plane", "w1": "worker"})
    api.a_pod_runs(kubectl, "w1")


def test_etcd_serves_those_with_a_certificate(project: Project) -> None:
    store.members_serve(project, ["m1"])
    store.nobody_without_a_certificate_is_let_in(project, "m1")


@pytest.mark.thorough
def test_a_static_pod_runs(project: Project) -> None:
    scenarios.a_static_pod_runs(project, "w1")


@pytest.mark.thorough
def test_one_setting_restarts_one_kubelet(project: Project) -> None:
    scenarios.one_setting_of_one_node(project, "w1", ["m1"])


@pytest.mark.thorough
def test_drift_is_shown_and_put_right(project: Project) -> None:
    scenarios.drift_is_shown_and_put_right(project, "w1", ["m1"])


@pytest.mark.thorough
def test_a_refused_setting_is_rolled_back(project: Project) -> None:
    scenarios.a_setting_that_the_kubelet_refuses(project, "w1", ["m1"])


@pytest.mark.thorough
def test_a_certificate_is_renewed_in_the_plan(project: Project) -> None:
    scenarios.a_certificate_is_renewed(project, "w1", ["m1"])


@pytest.mark.thorough
def test_another_node_touches_only_itself(project: Project) -> None:
    record = {"role": "worker", "address": "10.77.0.22"}
    scenarios.another_node_touches_only_itself(project, NODES, "w2", record)
    assert "small-w2" not in project.run("virsh", "-q", "-c", "qemu:///system", "list", "--all")


def test_an_ignition_change_replaces_disk_and_domain_in_the_plan(project: Project) -> None:
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


def test_the_dev_stack_previews_on_the_same_machine(project: Project) -> None:
    dev = Project(project.path, "dev", project.printed, project.variables)
    dev.pulumi("stack", "init")
    try:
        created = [name for name, op in dev.steps("preview") if op == "create"]
    finally:
        dev.pulumi("stack", "rm", "--yes", "--preserve-config")
    for node in ("m1", "m2", "m3", "w1"):
        assert f"dev-machines-{node}-domain" in created
        assert f"{node}-kubelet" in created


def test_no_secret_shows(project: Project) -> None:
    scenarios.no_secret_shows(project)


def test_destroy_leaves_nothing(project: Project) -> None:
    def listed(*command: str) -> str:
        return project.run("virsh", "-q", "-c", "qemu:///system", *command).strip()

    assert "small-m1" in listed("list", "--all"), "the checks below can fail"
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
    assert not list(project.path.glob(".lab/state/**/small.json")), "the stack is gone"
    # What the tests set and took back leaves an empty object; nothing else is left in the stack's file.
    left = (project.path / "Pulumi.small.yaml").read_text().replace(", kubelet: {}", "")
    assert left == (ROOT / "Pulumi.small.yaml").read_text()
