"""The benchmark's program and project: which steps it registers, and what it reads from a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.hosts.host import addresses
from bench.hosts.program import on_nodes
from bench.hosts.project import changes, nodes_written
from cluster.config.model import Cluster
from cluster.plan import plan
from cluster.step import CommandStep, NodeStateStep
from tests import clusters


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return clusters.load(tmp_path)


def test_on_nodes_keeps_all_node_states_and_the_commands_without_the_api(cluster: Cluster) -> None:
    planned = plan(cluster)
    kept = list(on_nodes(planned.steps))
    assert [step for step in kept if isinstance(step, NodeStateStep)] and planned.etcd_quorum in {
        step.name for step in kept
    }
    left_out = {step.name for step in planned.steps} - {step.name for step in kept}
    assert left_out == {
        *(f"{node.name}-registration" for node in cluster.nodes),
        *("golden-add-on-rbac", "golden-add-on-dns", "golden-control-plane-ready"),
    }
    assert not any(isinstance(step, CommandStep) and step.admin for step in kept)


def test_on_nodes_keeps_every_edge_between_kept_steps(cluster: Cluster) -> None:
    planned = plan(cluster)
    kept = {step.name: step for step in on_nodes(planned.steps)}
    for step in planned.steps:
        if step.name in kept:
            assert kept[step.name].after == tuple(edge for edge in step.after if edge.step in kept)


def test_changes_are_those_of_the_summary() -> None:
    assert changes("...\nResources:\n    79 unchanged\n\n") == {}
    assert changes("...\nResources:\n    ~ 3 updated\n    +-1 replaced\n    60 unchanged\n\nDuration: 3s\n") == {
        "updated": 3,
        "replaced": 1,
    }
    assert changes("...\nResources:\n    + 2 to create\n") == {"create": 2}


def test_nodes_written_are_those_with_a_write(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    lines = [{"node": "w001", "op": "read", "writes": 0}, {"node": "w002", "op": "commit", "writes": 1}]
    trace.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert nodes_written(trace) == {"w002"}


def test_addresses_have_three_control_plane_nodes_if_there_are_more() -> None:
    assert list(addresses(4)) == ["m1", "m2", "m3", "w001"]
    assert list(addresses(2)) == ["m1", "w001"]
    assert len(set(addresses(200).values())) == 200
