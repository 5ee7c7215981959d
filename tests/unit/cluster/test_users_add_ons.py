"""Users' add-ons in the plan: their place in the order, and the nodes that wait for a CNI plugin."""

from __future__ import annotations

from dataclasses import replace

from cluster.config.model import AddOn, Cluster
from cluster.plan import plan
from cluster.step import ObjectsStep

MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}


def waits(cluster: Cluster, *add_ons: AddOn) -> dict[str, set[str]]:
    """The steps that each step waits for."""
    planned = plan(replace(cluster, add_ons=add_ons))
    return {step.name: {edge.step for edge in step.after} for step in planned.steps}


def test_an_add_on_comes_after_all_nodes_like_dns(cluster: Cluster) -> None:
    found = waits(cluster, AddOn(name="one", objects=(MAP,)))
    assert (
        found["golden-add-on-one"]
        == found["golden-add-on-dns"]
        == {f"{node.name}-registration" for node in cluster.nodes}
    )


def test_after_adds_to_the_nodes(cluster: Cluster) -> None:
    found = waits(cluster, AddOn(name="one", after=("two", "dns")), AddOn(name="two"))
    assert found["golden-add-on-one"] - found["golden-add-on-two"] == {"golden-add-on-two", "golden-add-on-dns"}


def test_nodes_wait_for_an_add_on_that_comes_before_them(cluster: Cluster) -> None:
    found = waits(cluster, AddOn(name="net", before_nodes=True), AddOn(name="crds", before_nodes=True))
    assert found["golden-add-on-net"] == {"golden-add-on-rbac"}
    for node in cluster.nodes:
        assert {"golden-add-on-net", "golden-add-on-crds"} <= found[f"{node.name}-registration"]
    assert "golden-add-on-net" not in found["golden-add-on-rbac"]


def test_wait_is_that_of_the_add_on(cluster: Cluster) -> None:
    planned = plan(replace(cluster, add_ons=(AddOn(name="one", wait=0),)))
    seconds = {step.set_name: step.wait_seconds for step in planned.steps if isinstance(step, ObjectsStep)}
    assert seconds == {"rbac": 300, "dns": 300, "one": 0}
