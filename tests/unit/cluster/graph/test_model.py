"""The plan as boxes and arrows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.graph.model import Graph, direct, graph
from cluster.plan import plan
from cluster.step import NodeStateStep, certificate
from tests.unit.cluster.graph.samples import cluster, drawn


def waits(found: Graph) -> dict[str, set[str]]:
    """The boxes that each box waits for by the arrows, directly or not."""
    near: dict[str, set[str]] = {box.key: set() for box in found.boxes}
    for arrow in found.arrows:
        for target in arrow.targets:
            near[target].update(arrow.sources)
    every: dict[str, set[str]] = {}
    for box in sorted(found.boxes, key=lambda box: box.row):
        every[box.key] = near[box.key].union(*(every[one] for one in near[box.key]))
    return every


@pytest.mark.parametrize(("control", "workers", "fold"), [(1, 0, False), (3, 1, False), (3, 1, True), (5, 3, False)])
def test_arrows_are_the_order_of_the_plan(control: int, workers: int, fold: bool) -> None:
    made = cluster(control, workers)
    found = drawn(control, workers, fold)
    column = {node.name: one.name for one in found.columns for node in one.nodes}

    def key(step: str) -> str:
        node, _, component = step.partition("-")
        return f"{column[node]} {component}" if node in column else step

    planned = {(key(step.name), key(before.name)) for step, before, _ in plan(made).edges()}
    every = waits(found)
    assert {(step, before) for step, before in planned if before not in every[step]} == set()
    shown = {(target, source) for one in found.arrows for target in one.targets for source in one.sources}
    assert shown <= planned
    boxes = {box.key: box for box in found.boxes}
    assert all(boxes[source].row < boxes[target].row for target, source in shown)


def test_every_reason_is_at_its_box() -> None:
    made = cluster()
    found = drawn()
    told = {(box.key, line) for box in found.boxes for line in box.waits}
    assert ("w1 network", "m3 control-plane: kube-proxy is ready once the API lists services") in told
    assert len(told) == len(list(plan(made).edges()))


def test_implied_edges_are_left_out() -> None:
    assert direct([("c", "b"), ("b", "a"), ("c", "a")]) == {("c", "b"), ("b", "a")}


def test_equal_workers_share_a_column() -> None:
    found = drawn(3, 12)
    assert [one.name for one in found.columns] == ["m1", "m2", "m3", "w1 ... w12", "cluster"]
    assert found.columns[3].about == ("worker", "12 nodes")
    assert [one.name for one in drawn(3, 2, True).columns] == ["m1, m2, m3", "w1, w2", "cluster"]


def test_workers_with_other_components_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    made = cluster(1, 3)
    planned = plan(made)
    odd = [
        replace(one, issued=(*one.issued, certificate("ca", "/etc/other.crt"))) if one.name == "w2-network" else one
        for one in planned.steps
        if isinstance(one, NodeStateStep)
    ]
    steps = {one.name: one for one in (*planned.steps, *odd)}
    monkeypatch.setattr("cluster.graph.model.plan", lambda _: replace(planned, steps=tuple(steps.values())))
    assert [one.name for one in graph(made).columns] == ["m1", "w1, w3", "w2", "cluster"]


def test_certificates_are_those_of_the_plan() -> None:
    found = drawn(3, 12)
    assert sum(group.count for group in found.groups if group.of != "shared") == len(plan(cluster(3, 12)).leaves)
    [kubernetes] = [group for group in found.groups if group.of == "ca"]
    assert kubernetes.members[0] == ("on no node", ("administrator", "bootstrap"))
    assert kubernetes.members[1][0] == "m1, m2, m3, w1 ... w12: 15 nodes"
    # Each certificate of a node is in one box.
    boxes = {box.key: dict(box.issued) for box in drawn(1, 1).boxes}
    assert boxes["m1 control-plane"] == {"ca": 4, "etcd-ca": 1, "front-proxy-ca": 1, "shared": 2}
    shown = sum(number for one in boxes.values() for origin, number in one.items() if origin != "shared")
    assert shown == sum(leaf.node is not None for leaf in plan(cluster(1, 1)).leaves)
