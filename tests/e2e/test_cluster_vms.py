"""A whole cluster on two libvirt VMs: every scenario, with real Ignition, kernel, systemd, containerd and kubelets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import api, etcd, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.thorough, pytest.mark.timeout(2400)]
NODES = {"m1", "w1"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("vms"), "small", timeout=1800) as project:
        yield project


def test_up_starts_every_kubelet(project: Project) -> None:
    scenarios.kubelets_run(project, NODES)


def test_up_is_idempotent(project: Project) -> None:
    scenarios.second_up_writes_nothing(project)


def test_nodes_are_ready_and_run_pods(project: Project) -> None:
    kubectl = Kubectl(project, ["m1"])
    api.every_node_is_ready(kubectl, {"m1": "control-plane", "w1": "worker"})
    api.a_pod_runs(kubectl, "w1")


def test_etcd_requires_a_client_certificate(project: Project) -> None:
    etcd.members_serve(project, ["m1"])
    etcd.client_certificate_is_required(project, "m1")


def test_static_pod_runs(project: Project) -> None:
    scenarios.static_pod_runs(project, "w1")


def test_setting_restarts_one_kubelet(project: Project) -> None:
    scenarios.setting_of_one_node_restarts_its_kubelet(project, "w1", ["m1"])


def test_drift_is_shown_and_repaired(project: Project) -> None:
    scenarios.drift_is_shown_and_repaired(project, "w1", ["m1"])


def test_refused_setting_is_rolled_back(project: Project) -> None:
    scenarios.refused_setting_is_rolled_back(project, "w1", ["m1"])


def test_certificate_is_renewed_by_up(project: Project) -> None:
    scenarios.certificate_is_renewed(project, "w1", ["m1"])


def test_added_node_changes_only_routes_of_others(project: Project) -> None:
    record = {"role": "worker", "address": "10.77.0.22"}
    scenarios.added_node_changes_only_routes_of_others(project, NODES, "w2", record)
    assert "small-w2" not in project.run("virsh", "-q", "-c", "qemu:///system", "list", "--all")
