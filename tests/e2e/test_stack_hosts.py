"""The whole job on four container hosts: real systemd, containerd and kubelets, reached by SSH."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab import parts
from tests.e2e import api, pruning, scenarios, store
from tests.e2e.api import Kubectl
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


def test_up_ends_with_four_running_kubelets(project: Project) -> None:
    scenarios.every_kubelet_runs(project, NODES)
    table = project.make("status")
    for name in NODES:
        [row] = [line for line in table.splitlines() if line.split()[:1] == [name]]
        assert "active" in row
        assert f"v{parts.KUBERNETES}" in row
        assert ("revision" in row) == (name != "w1"), "control-plane nodes show their etcd member"
    assert table.count("leader, ") == 1


def test_a_second_up_writes_nothing(project: Project) -> None:
    scenarios.a_second_up_writes_nothing(project)


def test_a_static_pod_runs(project: Project) -> None:
    scenarios.a_static_pod_runs(project, "w1")


def test_one_setting_restarts_one_kubelet(project: Project) -> None:
    scenarios.one_setting_of_one_node(project, "w1", OTHERS)


def test_drift_is_shown_and_put_right(project: Project) -> None:
    scenarios.drift_is_shown_and_put_right(project, "w1", OTHERS)


@pytest.mark.ha
def test_a_refused_setting_is_rolled_back(project: Project) -> None:
    scenarios.a_setting_that_the_kubelet_refuses(project, "w1", OTHERS)


@pytest.mark.ha
def test_an_interrupted_run_is_finished_by_the_next(project: Project) -> None:
    scenarios.an_interrupted_run_is_finished_by_the_next(project, "w1")


@pytest.mark.ha
def test_a_certificate_is_renewed_in_the_plan(project: Project) -> None:
    scenarios.a_certificate_is_renewed(project, "w1", OTHERS)


def test_every_node_is_ready(kubectl: Kubectl) -> None:
    api.every_node_is_ready(kubectl, {**dict.fromkeys(OTHERS, "control-plane"), "w1": "worker"})


def test_make_kubectl_lists_nodes(project: Project) -> None:
    api.make_kubectl_lists_nodes(project, sorted(NODES))


def test_pods_find_each_other_by_name_and_service(project: Project, kubectl: Kubectl) -> None:
    api.import_test_image(project, sorted(NODES))
    api.deploy_echo(kubectl, 3)
    api.pods_find_each_other(kubectl, "10.3.0.10", "cluster.local", "w1")


def test_a_secret_is_not_readable_in_the_store(project: Project, kubectl: Kubectl) -> None:
    api.secrets_are_encrypted_in_etcd(kubectl, project, "m2")


def test_what_is_no_longer_shipped_is_pruned(project: Project, kubectl: Kubectl) -> None:
    pruning.what_is_no_longer_shipped_is_pruned(project, kubectl, "10.78.0.1")


def test_etcd_is_one_store_of_three_members(project: Project) -> None:
    store.members_serve(project, OTHERS)
    store.nobody_without_a_certificate_is_let_in(project, "m1")


def test_one_etcd_setting_restarts_the_members_in_turn(project: Project) -> None:
    store.one_setting_restarts_the_members_in_turn(project, OTHERS)


@pytest.mark.ha
def test_a_rollout_stops_where_a_member_is_lost(project: Project) -> None:
    store.a_rollout_stops_where_a_member_is_lost(project, OTHERS)


@pytest.mark.ha
def test_a_lost_member_is_replaced(project: Project) -> None:
    store.a_lost_member_is_replaced(project, OTHERS)


@pytest.mark.ha
def test_members_without_data_begin_nothing_anew(project: Project) -> None:
    store.an_only_member_begins_nothing_anew(project, OTHERS)


@pytest.mark.ha
def test_two_members_leave_and_join_again(project: Project) -> None:
    records = {
        name: {
            "role": "control-plane",
            "address": f"10.78.0.1{name[1]}",
            "ssh.hostKeyFile": f".lab/hosts/{name}/ssh_host_ed25519_key.pub",
        }
        for name in ("m2", "m3")
    }
    store.members_leave_and_join(project, "m1", ["m2", "m3"], records)


@pytest.mark.ha
def test_a_fifth_node_touches_only_itself(project: Project) -> None:
    record = {
        "role": "worker",
        "address": "10.78.0.22",
        "ssh.hostKeyFile": ".lab/hosts/w2/ssh_host_ed25519_key.pub",
    }
    scenarios.another_node_touches_only_itself(project, NODES, "w2", record, lambda: project.lab("up", "hosts"))


def test_refresh_and_outputs(project: Project) -> None:
    assert set(counts(project.pulumi("refresh", "--yes"))) <= {"unchanged"}
    kubeconfig = project.secret_output("stack", "output", "kubeconfig")
    assert "client-key-data" in kubeconfig
    assert "client-key-data" not in project.pulumi("stack", "output", "kubeconfig")
    for row in project.output("certificates"):
        assert set(row) == {"name", "subject", "sans", "serial", "expires", "daysLeft"}
        assert row["daysLeft"] > 30


def test_no_secret_shows(project: Project) -> None:
    scenarios.no_secret_shows(project)


def test_destroy_leaves_nothing(project: Project) -> None:
    machines = json.loads(project.secret_output("stack", "output", "machines", "--json"))
    checks = {
        name: project.ssh(name, "ls -d /etc/kubernetes/kubelet.yaml /opt/bin/kubelet; id -un") for name in machines
    }
    assert all("kubelet.yaml" in text for text in checks.values()), "the check below can fail"
    connections = {name: machine["connection"] for name, machine in machines.items()}
    assert connections.keys() == NODES
    project.pulumi("destroy", "--yes")
    state = json.loads(project.exported())
    assert not state["deployment"].get("resources"), "nothing is left in the state"
    for name in NODES:
        root = project.path / ".lab" / "hosts" / name
        assert root.exists()
    project.lab("down")
    project.lab("check-clean")
