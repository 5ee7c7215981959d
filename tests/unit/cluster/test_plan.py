"""The plan as a whole: issued files, ordering edges, and the changes by an added node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.model import Cluster, Cni
from cluster.node import paths
from cluster.plan import ClusterPlan, PlanError, check_issued, ordered, plan
from cluster.step import CA, After, CommandStep, NodeStateStep, Part, SharedKey, Step, certificate
from nodestate import NodeState
from tests import clusters


def steps(planned: ClusterPlan) -> dict[str, Step]:
    return {step.name: step for step in planned.steps}


def test_plan_steps_are_in_order(cluster: Cluster) -> None:
    planned = plan(cluster)
    seen: set[str] = set()
    for step in planned.steps:
        assert {edge.step for edge in step.after} <= seen, step.name
        seen.add(step.name)
    assert all(reason for _, _, reason in planned.edges())


def test_plan_edges_of_a_node(cluster: Cluster) -> None:
    """First boot, runtime, kubelet, network, registration; the control plane waits for kubelet and etcd's quorum."""
    by_name = steps(plan(cluster))

    def waits(step: str, *others: str) -> bool:
        return {*others} <= {edge.step for edge in by_name[step].after}

    for node in ("m1", "w1"):
        assert waits(f"{node}-runtime", f"{node}-first-boot")
        assert waits(f"{node}-kubelet", f"{node}-runtime")
        assert waits(f"{node}-network", f"{node}-kubelet", "m1-control-plane", "m2-control-plane", "m3-control-plane")
        assert waits(f"{node}-registration", f"{node}-network", "golden-add-on-rbac")
    assert waits("golden-etcd-quorum", "m1-etcd", "m2-etcd", "m3-etcd")
    assert waits("m1-control-plane", "m1-kubelet", "golden-etcd-quorum")
    assert waits("golden-add-on-dns", *(f"{node.name}-registration" for node in cluster.nodes))


def test_plan_nodes_start_in_parallel(cluster: Cluster) -> None:
    by_name = steps(plan(cluster))
    for component in ("first-boot", "runtime", "kubelet", "etcd"):
        for node in ("m1", "m2", "w1"):
            step = by_name.get(f"{node}-{component}")
            assert step is None or all(edge.step.startswith(f"{node}-") for edge in step.after)


def test_plan_members_leave_etcd_on_another_node(cluster: Cluster) -> None:
    """Each member's step runs on another control-plane node, and is deleted before any etcd and after what uses etcd."""
    by_name = steps(plan(cluster))
    for name, at, other in (("m1", "m2", "m3"), ("m2", "m1", "m3"), ("m3", "m1", "m2")):
        step = by_name[f"{name}-etcd-membership"]
        assert isinstance(step, CommandStep)
        assert (step.owner, step.node, step.undone_always, step.reruns_on) == (name, at, True, ())
        assert step.elsewhere == (other,)
        assert {edge.step for edge in step.after} == {"m1-etcd", "m2-etcd", "m3-etcd"}
        assert step.name in {edge.step for edge in by_name["golden-etcd-quorum"].after}


def test_plan_steps_of_the_cluster_run_on_any_control_plane_node(cluster: Cluster) -> None:
    for step in plan(cluster).steps:
        if isinstance(step, CommandStep) and step.owner is None:
            assert (step.node, step.elsewhere) == ("m1", ("m2", "m3"))


def test_plan_single_member_keeps_its_membership_step(cluster: Cluster) -> None:
    """It must not be deleted, which would undo it, when the other members leave."""
    alone = replace(cluster, nodes=(cluster.nodes[0], cluster.nodes[3]))
    former, step = (steps(plan(one))["m1-etcd-membership"] for one in (cluster, alone))
    assert isinstance(former, CommandStep)
    assert isinstance(step, CommandStep)
    assert (step.node, step.script) == ("m1", former.script)


def test_plan_has_no_ca_key_on_nodes(cluster: Cluster) -> None:
    issued = [file for step in plan(cluster).steps if isinstance(step, NodeStateStep) for file in step.issued]
    assert {file.text.part for file in issued if file.text.of in {*CA}} == {Part.CERTIFICATE}
    secret = [file for file in issued if file.text.part.secret]
    assert len(secret) > 20
    assert {file.mode for file in secret} == {"0600"}


def test_plan_places_leaves_on_their_own_node(cluster: Cluster) -> None:
    planned = plan(cluster)
    owners = {leaf.name: leaf.node for leaf in planned.leaves}
    placed = set()
    for step in planned.steps:
        if not isinstance(step, NodeStateStep):
            continue
        for file in step.issued:
            if file.text.of in owners:
                assert owners[file.text.of] == step.node
                placed.add(file.text.of)
    assert placed == {name for name, node in owners.items() if node is not None}


def test_plan_cas_of_etcd_and_front_proxy_leaves(cluster: Cluster) -> None:
    signed = {leaf.name.partition("-")[2]: leaf.ca for leaf in plan(cluster).leaves if leaf.node == "m1"}
    assert {name for name, ca in signed.items() if ca is CA.ETCD} == {
        *("etcd-server", "etcd-peer", "etcd-health-client", "apiserver-etcd-client")
    }
    assert signed["front-proxy-client"] is CA.FRONT_PROXY


def test_plan_removed_worker_changes_routes_only(cluster: Cluster, tmp_path: Path) -> None:
    values = clusters.values()
    del values["nodes"]["w1"]
    fewer, all_steps = steps(plan(clusters.load(tmp_path, values))), steps(plan(cluster))
    changed = set()
    for name, step in fewer.items():
        other = all_steps[name]
        if isinstance(step, NodeStateStep) and isinstance(other, NodeStateStep):
            assert step.issued == other.issued
            before, after = other.state.files, step.state.files
            changed |= {(name, path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {(f"m{number}-runtime", paths.ROUTES) for number in (1, 2, 3)}


def test_plan_cni_none_has_the_plugins_that_others_call(tmp_path: Path) -> None:
    """Without loopback no pod starts, whatever the plugin; flannel's calls bridge."""
    values = clusters.values()
    values["network"] = {"cni": "none"}
    steps = {step.name: step for step in plan(clusters.load(tmp_path, values)).steps}
    runtime = steps["w1-runtime"]
    assert isinstance(runtime, NodeStateStep)
    found = {path.rpartition("/")[2] for path in runtime.state.files if path.startswith("/opt/cni/bin/")}
    assert found == {"bridge", "host-local", "loopback", "portmap", "ptp"}


def test_plan_cni_none_has_no_routes(cluster: Cluster) -> None:
    own = replace(cluster, network=replace(cluster.network, cni=Cni.NONE))
    files = {path for step in plan(own).of_node("m1") for path in step.state.files}
    assert not {paths.ROUTES, paths.CNI_CONFLIST} & files
    manifest = f"{paths.MANIFESTS}/kube-controller-manager.yaml"
    [text] = [step.state.files[manifest].text for step in plan(own).of_node("m1") if manifest in step.state.files]
    assert "--allocate-node-cidrs=true" in (text or "")


def test_plan_commands_contain_no_key(cluster: Cluster) -> None:
    commands = [step for step in plan(cluster).steps if isinstance(step, CommandStep)]
    assert {step.name for step in commands if step.undo} == {
        f"{node.name}-etcd-membership" for node in cluster.control_plane_nodes()
    }
    assert not any("client-key-data" in step.script or "PRIVATE KEY" in step.script for step in commands)


def state_step(**changes: object) -> NodeStateStep:
    return replace(NodeStateStep("w1", "first", NodeState()), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("planned", "message"),
    [
        ([state_step(), state_step()], "two steps are named w1-first"),
        (
            [state_step(after=(After("w1-second", "a reason"),))],
            "w1-first waits for w1-second, which is not a step of the plan",
        ),
        (
            [CommandStep("w1-join", "w1", "join", "true", undo="false", reruns_on=("w1-kubelet",))],
            "w1-join would be undone when w1-kubelet changes",
        ),
    ],
)
def test_ordered_refuses(planned: list[Step], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        ordered(planned)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (state_step(issued=(certificate("m1-etcd-server", "/a"),)), "which is not a leaf of w1"),
        (state_step(issued=(certificate("unknown", "/a"),)), "which is not a leaf of w1"),
    ],
)
def test_check_issued_refuses_unknown_leaf(cluster: Cluster, step: NodeStateStep, message: str) -> None:
    planned = plan(cluster)
    with pytest.raises(PlanError, match=message):
        check_issued(replace(planned, steps=(*planned.steps, step)))


def test_check_issued_refuses_ca_key(cluster: Cluster) -> None:
    planned = plan(cluster)
    key = replace(certificate(CA.ETCD, "/a").text, part=Part.PRIVATE_KEY)
    step = state_step(issued=(replace(certificate(CA.ETCD, "/a"), text=key),))
    with pytest.raises(PlanError, match="would put a CA key on a node"):
        check_issued(replace(planned, steps=(*planned.steps, step)))


def test_check_issued_refuses_unplaced_leaf(cluster: Cluster) -> None:
    planned = plan(cluster)
    fewer = tuple(step for step in planned.steps if step.name != "m1-etcd")
    with pytest.raises(PlanError, match="certificate of m1-etcd-server goes to no file"):
        check_issued(replace(planned, steps=fewer))


def test_plan_shared_keys_are_on_control_plane_nodes_only(cluster: Cluster) -> None:
    for node in cluster.nodes:
        shared = {
            file.text.of
            for step in plan(cluster).of_node(node.name)
            for file in step.issued
            if file.text.of in {*SharedKey}
        }
        assert shared == ({*SharedKey} if node.role == "control-plane" else set())


def test_plan_declares_all_other_paths_of_a_node_to_each_step(cluster: Cluster) -> None:
    """A path that moves between two steps of a node is known to both, issued files and units included."""
    planned = plan(cluster)
    for node in ("m1", "w1"):
        states = planned.of_node(node)
        for step in states:
            elsewhere = planned.declared_elsewhere(step)
            others = [other for other in states if other is not step]
            assert elsewhere.keys() == {other.name for other in others}
            for other in others:
                declared = elsewhere[other.name]
                issued = {file.path for file in other.issued}
                assert {*declared.files, *declared.blocks} == {*other.state.files, *issued}
                assert set(declared.directories) == set(other.state.directories)
                assert set(declared.units) == set(other.state.units)
