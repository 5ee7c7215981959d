"""A cluster of one libvirt VM: real Ignition, kernel, systemd, containerd and kubelet. test_cluster_vms.py has a worker too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e import api, etcd, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.harness import ROOT, Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def one_node(settings: str) -> str:
    """The stack's configuration without its worker: an emulated machine then has the processors for itself."""
    kept = "".join(line for line in settings.splitlines(keepends=True) if not line.startswith("    w1: "))
    assert kept != settings
    return kept


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("vms"), "small", 1800, one_node) as project:
        yield project


def test_up_starts_every_kubelet(project: Project) -> None:
    scenarios.kubelets_run(project, {"m1"})
    assert project.ssh("m1", "hostname").strip() == "m1"


def test_up_is_idempotent(project: Project) -> None:
    scenarios.second_up_writes_nothing(project)


def test_node_is_ready(project: Project) -> None:
    api.every_node_is_ready(Kubectl(project, ["m1"]), {"m1": "control-plane"})


def test_etcd_requires_a_client_certificate(project: Project) -> None:
    etcd.members_serve(project, ["m1"])
    etcd.client_certificate_is_required(project, "m1")


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
    assert {f"small-machines-m1-{part}" for part in ("ignition", "disk", "domain")} <= replaced


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
    left = (project.path / "Pulumi.small.yaml").read_text()
    assert left == one_node((ROOT / "Pulumi.small.yaml").read_text())
