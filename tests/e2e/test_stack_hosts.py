"""A whole cluster on four container hosts: real systemd, containerd and kubelets, reached by SSH."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster import versions
from tests.e2e import add_ons, api, drift, etcd, scenarios
from tests.e2e.api import Kubectl
from tests.e2e.captured import check_captured
from tests.e2e.harness import Project, counts, running_project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
NODES = {"m1", "m2", "m3", "w1"}
OTHERS = ["m1", "m2", "m3"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with running_project(tmp_path_factory.mktemp("hosts"), "hosts") as project:
        yield project


@pytest.fixture(scope="module")
def kubectl(project: Project) -> Kubectl:
    return Kubectl(project, OTHERS)


def test_up_starts_every_kubelet(project: Project) -> None:
    scenarios.kubelets_run(project, NODES)
    table = project.make("status")
    for name in NODES:
        [row] = [line for line in table.splitlines() if line.split()[:1] == [name]]
        assert "active" in row
        assert versions.DEFAULT in row
        assert ("revision" in row) == (name != "w1"), "control-plane nodes must show their etcd member"
    assert table.count("leader, ") == 1
    check_captured("status", table)


def test_up_is_idempotent(project: Project) -> None:
    scenarios.second_up_writes_nothing(project)


def test_static_pod_runs(project: Project) -> None:
    scenarios.static_pod_runs(project, "w1")


def test_setting_restarts_one_kubelet(project: Project) -> None:
    preview = scenarios.setting_of_one_node_restarts_its_kubelet(project, "w1", OTHERS)
    check_captured("preview-max-pods", preview)
    check_captured("preview-max-pods-lines", preview)


def test_drift_is_shown_and_repaired(project: Project) -> None:
    scenarios.drift_is_shown_and_repaired(project, "w1", OTHERS)


@pytest.mark.ha
def test_refused_setting_is_rolled_back(project: Project) -> None:
    scenarios.refused_setting_is_rolled_back(project, "w1", OTHERS)


@pytest.mark.ha
def test_refused_setting_stops_at_the_first_node(project: Project, kubectl: Kubectl) -> None:
    drift.refused_setting_stops_at_the_first_node(project, [OTHERS, ["w1"]])
    api.every_node_is_ready(kubectl, {**dict.fromkeys(OTHERS, "control-plane"), "w1": "worker"})


@pytest.mark.ha
def test_kubelet_refuses_before_the_swap(project: Project) -> None:
    drift.kubelet_refuses_before_the_swap(project, "w1")


@pytest.mark.ha
@pytest.mark.parametrize("fault", drift.FAULTS)
def test_drift_of_the_running_system(project: Project, fault: str) -> None:
    drift.drift_of_the_running_system(project, "w1", OTHERS, fault)


@pytest.mark.ha
def test_interrupted_run_is_finished_by_next_run(project: Project) -> None:
    scenarios.interrupted_run_is_finished_by_next_run(project, "w1")


@pytest.mark.ha
def test_certificate_is_renewed_by_up(project: Project) -> None:
    scenarios.certificate_is_renewed(project, "w1", OTHERS)


def test_nodes_are_ready(kubectl: Kubectl) -> None:
    api.every_node_is_ready(kubectl, {**dict.fromkeys(OTHERS, "control-plane"), "w1": "worker"})


def test_make_kubectl_lists_nodes(project: Project) -> None:
    check_captured("get-nodes", api.make_kubectl_lists_nodes(project, sorted(NODES)))


def test_pods_reach_services_by_name(project: Project, kubectl: Kubectl) -> None:
    api.import_test_image(project, sorted(NODES))
    api.deploy_echo(kubectl, 3)
    api.pods_find_each_other(kubectl, "10.3.0.10", "cluster.local", "w1")


def test_services_outlive_a_restart_of_the_proxy(project: Project) -> None:
    api.services_outlive_a_restart_of_the_proxy(project, "w1", "10.3.0.1")


def test_secrets_are_encrypted_in_etcd(project: Project, kubectl: Kubectl) -> None:
    api.secrets_are_encrypted_in_etcd(kubectl, project, "m2")


def test_add_on_prunes_former_objects(project: Project, kubectl: Kubectl) -> None:
    add_ons.setting_changes_its_object(project, kubectl, "10.78.0.1")


def test_etcd_members_serve(project: Project) -> None:
    etcd.members_serve(project, OTHERS)
    etcd.client_certificate_is_required(project, "m1")


def test_etcd_setting_restarts_one_member_at_a_time(project: Project) -> None:
    etcd.setting_restarts_one_member_at_a_time(project, OTHERS)


@pytest.mark.ha
def test_etcd_rollout_stops_if_member_is_down(project: Project) -> None:
    etcd.rollout_stops_if_member_is_down(project, OTHERS)


@pytest.mark.ha
def test_etcd_lost_member_rejoins(project: Project) -> None:
    etcd.lost_member_rejoins(project, OTHERS)


@pytest.mark.ha
def test_etcd_members_without_data_do_not_bootstrap(project: Project) -> None:
    etcd.members_without_data_do_not_bootstrap(project, OTHERS)


@pytest.mark.ha
def test_etcd_members_leave_and_join(project: Project) -> None:
    records = {
        name: {
            "role": "control-plane",
            "address": f"10.78.0.1{name[1]}",
            "ssh.hostKeyFile": f".lab/hosts/{name}/ssh_host_ed25519_key.pub",
        }
        for name in ("m2", "m3")
    }
    etcd.members_leave_and_join(project, "m1", ["m2", "m3"], records)


@pytest.mark.ha
def test_added_node_changes_only_routes_of_others(project: Project) -> None:
    record = {
        "role": "worker",
        "address": "10.78.0.22",
        "ssh.hostKeyFile": ".lab/hosts/w2/ssh_host_ed25519_key.pub",
    }
    scenarios.added_node_changes_only_routes_of_others(project, NODES, "w2", record, lambda: project.lab("up", "hosts"))


def test_outputs_hide_the_kubeconfig(project: Project) -> None:
    assert set(counts(project.pulumi("refresh", "--yes"))) <= {"unchanged"}
    kubeconfig = project.secret_output("stack", "output", "kubeconfig")
    assert "client-key-data" in kubeconfig
    assert "client-key-data" not in project.pulumi("stack", "output", "kubeconfig")
    for row in project.output("certificates"):
        assert set(row) == {"name", "subject", "sans", "serial", "expires", "daysLeft"}
        assert row["daysLeft"] > 30


def test_no_secret_is_shown(project: Project) -> None:
    scenarios.no_secret_is_shown(project)


def test_destroy_empties_the_stack(project: Project) -> None:
    machines = json.loads(project.secret_output("stack", "output", "machines", "--json"))
    checks = {
        name: project.ssh(name, "ls -d /etc/kubernetes/kubelet.yaml /opt/bin/kubelet; id -un") for name in machines
    }
    assert all("kubelet.yaml" in text for text in checks.values()), "positive control: the files exist"
    connections = {name: machine["connection"] for name, machine in machines.items()}
    assert connections.keys() == NODES
    project.pulumi("destroy", "--yes")
    state = json.loads(project.exported())
    assert not state["deployment"].get("resources"), "the state must be empty"
    for name in NODES:
        root = project.path / ".lab" / "hosts" / name
        assert root.exists()
    project.lab("down")
    project.lab("check-clean")
