"""The rollout groups: no component of a control-plane node is disrupted while another control-plane node is."""

from __future__ import annotations

from pathlib import Path

from cluster.config.model import Cluster, Role
from cluster.node import container_runtime, control_plane, etcd, kubelet, service_network
from cluster.node.rollouts import CONTROL_PLANE, WORKERS
from cluster.plan import plan
from nodestate import Foreign, Rollout
from tests import clusters


def rollouts(cluster: Cluster, node: str) -> dict[str, Rollout | None]:
    return {step.component: step.state.rollout for step in plan(cluster).of_node(node)}


def test_control_plane_components_share_one_slot(cluster: Cluster) -> None:
    for node in cluster.control_plane_nodes():
        found = rollouts(cluster, node.name)
        assert found.pop(service_network.COMPONENT) is None
        assert found.keys() == {component.COMPONENT for component in (container_runtime, kubelet, etcd, control_plane)}
        for one in found.values():
            assert one is not None
            assert (one.group, one.max_unavailable, one.members) == (CONTROL_PLANE, 1, ("m1", "m2", "m3"))


def test_workers_go_after_canaries(tmp_path: Path) -> None:
    values = clusters.values() | {"rollout": {"maxUnavailable": 20, "canaries": 2}}
    found = rollouts(clusters.load(tmp_path, values), "w1")
    assert found == {
        container_runtime.COMPONENT: Rollout(WORKERS, None, 20, 2),
        kubelet.COMPONENT: Rollout(WORKERS, None, 20, 2),
        service_network.COMPONENT: None,
    }


def test_added_worker_changes_no_rollout(cluster: Cluster, tmp_path: Path) -> None:
    values = clusters.values()
    values["nodes"]["w2"] = {"role": "worker", "address": "10.77.0.22"}
    more = clusters.load(tmp_path, values)
    for node in cluster.nodes:
        assert rollouts(cluster, node.name) == rollouts(more, node.name)


def test_own_units_have_no_foreign_drop_ins(cluster: Cluster) -> None:
    for node in cluster.nodes:
        for step in plan(cluster).of_node(node.name):
            for name, unit in step.state.units.items():
                assert unit.foreign_drop_ins is Foreign.REMOVED, (step.name, name)


def test_every_probe_names_a_unit_that_can_repair_it(cluster: Cluster) -> None:
    for node in cluster.nodes:
        for step in plan(cluster).of_node(node.name):
            for name, probe in step.state.probes.items():
                assert probe.unit in {*step.state.units, container_runtime.SYSCTL}, (step.name, name)
        assert sum(len(step.state.probes) for step in plan(cluster).of_node(node.name)) > (
            8 if node.role is Role.CONTROL_PLANE else 5
        )
