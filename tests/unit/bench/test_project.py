"""The benchmark's project: what it reads from a run."""

from __future__ import annotations

import json
from pathlib import Path

from bench.hosts.host import addresses
from bench.hosts.project import changes, nodes_written


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
