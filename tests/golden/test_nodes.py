"""The files of a node per role: tests/golden/nodes/<role>/<path on the node>, and an index of all paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.plan import ClusterPlan, plan
from cluster.step import IssuedFile, NodeStateStep
from nodestate import Directory, File
from tests import clusters

Golden = Callable[[str, str], None]
HERE = Path(__file__).parent
ROLES = {"control-plane": "m2", "worker": "w1"}


@pytest.fixture
def planned(tmp_path: Path) -> ClusterPlan:
    return plan(clusters.load(tmp_path))


@pytest.mark.parametrize("role", ROLES)
def test_node_files(planned: ClusterPlan, golden: Golden, role: str) -> None:
    rendered: dict[str, str] = {}
    for step in planned.of_node(ROLES[role]):
        rendered |= {path: file.text for path, file in step.state.files.items() if file.text is not None}
    for path, text in rendered.items():
        golden(f"nodes/{role}{path}", text)
    kept = {
        f"/{file.relative_to(HERE / 'nodes' / role)}" for file in (HERE / "nodes" / role).rglob("*") if file.is_file()
    }
    assert kept == rendered.keys(), "golden files of paths that nodes no longer have"


@pytest.mark.parametrize("role", ROLES)
def test_node_index(planned: ClusterPlan, golden: Golden, role: str) -> None:
    """Every path of a node: mode, source of its text, and the reactions to a change."""
    golden(f"nodes/{role}.txt", "".join(_index(step) for step in planned.of_node(ROLES[role])))


@pytest.mark.parametrize("role", ROLES)
def test_node_checks(planned: ClusterPlan, golden: Golden, role: str) -> None:
    """Every probe and verification of a node: its script, and what it expects."""
    golden(f"nodes/{role}-checks.txt", "".join(_checks(step) for step in planned.of_node(ROLES[role])))


def _checks(step: NodeStateStep) -> str:
    probes = [
        f"## probe {name}: restarts {probe.unit}, {probe.seconds} s\n{probe.command.rstrip()}\n=> {probe.expected}\n"
        for name, probe in step.state.probes.items()
    ]
    verifications = [f"## verification of {', '.join(one.files)}\n{one.script}" for one in step.state.verifications]
    return "".join([f"# {step.name}\n", *probes, *verifications]) if probes or verifications else ""


def _foreign(directory: Directory) -> str:
    known = f" but {', '.join(directory.known)}" if directory.known else ""
    return f"foreign entries {directory.foreign}{known}"


def _shape(one: File | Directory | IssuedFile) -> str:
    """Mode, and owner and group if they are not root's."""
    group = one.owner if isinstance(one, IssuedFile) else one.group
    return one.mode if (one.owner, group) == ("root", "root") else f"{one.mode} {one.owner}:{group}"


def _index(step: NodeStateStep) -> str:
    reactions: dict[str, list[str]] = {}
    for reaction in step.state.reactions:
        for path in reaction.files:
            reactions.setdefault(path, []).append(f"{reaction.action} {reaction.unit}")
    rows = [
        (path, "block" if file.block else _shape(file), f"download {file.source.url}" if file.source else "rendered")
        for path, file in step.state.files.items()
    ]
    rows += [(file.path, _shape(file), f"issued {file.text.of} {file.text.part}") for file in step.issued]
    rows += [(f"{path}/", _shape(directory), _foreign(directory)) for path, directory in step.state.directories.items()]
    lines = [f"{path} {mode} {source} [{', '.join(reactions.get(path, []))}]\n" for path, mode, source in sorted(rows)]
    units = [
        f"unit {name} enabled={unit.enabled} active={unit.active}, foreign drop-ins {unit.foreign_drop_ins}\n"
        for name, unit in step.state.units.items()
    ]
    rollout = step.state.rollout
    group = (
        []
        if rollout is None
        else [
            f"rollout {rollout.group}: {rollout.max_unavailable} at a time after {rollout.canaries} canaries, "
            f"members {', '.join(rollout.members) or 'as they come'}\n"
        ]
    )
    return "".join([f"# {step.name}\n", *lines, *units, *group])
