"""A node of an earlier version: without owner marks, and with the notes of a broken run in their former format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provider.observation import Request, observed_state, questions
from provider.observed import JournalEntry, Observed
from provider.plan import make_plan
from provider.remote import scripts
from provider.remote.report import parse, read_script
from tests.unit.provider.inputs import inputs
from tests.unit.provider.node import COMPONENT, Node, commit, stage, text


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def read(node: Node, wire: Mapping[str, Any], component: str = COMPONENT) -> Observed:
    """The node, as it is read for this program."""
    request = Request(inputs(wire), component, {})
    asked = questions([request])
    done = node.run(read_script(asked))
    assert done.returncode == 0, done.stderr
    return observed_state(parse(done.stdout, asked), request, asked.files)


def leave_notes(node: Node) -> Path:
    """Leaves the notes of a run that was killed before its restart; returns a file that it had staged."""
    for name, content in (
        ("pending", "restart:a.service reload:b.service\n"),
        ("staged", f"{node.at('a')}\n"),
        ("backup", ""),
    ):
        (node.home / name).mkdir(parents=True)
        if name == "backup":
            (node.home / name / COMPONENT).mkdir()
            (node.home / name / COMPONENT / "index").write_text(f"file\t1\t{node.at('a')}\n")
        else:
            (node.home / name / COMPONENT).write_text(content)
    staged = node.root / ".a.plumbline-new"
    staged.write_text("half")
    return staged


def test_notes_of_an_earlier_version_are_read_and_planned(node: Node) -> None:
    assert read(node, {}).journal == ()
    leave_notes(node)
    found = read(node, {})
    assert found.journal == (
        JournalEntry("earlier", "a.service", "restart"),
        JournalEntry("earlier", "b.service", "reload"),
        JournalEntry("earlier", "tidy"),
    )
    assert read(node, {}, "n1-other").journal == ()
    assert not make_plan(found, inputs({})).empty


@pytest.mark.parametrize("ended", ["finish", "delete"])
def test_notes_of_an_earlier_version_are_removed(node: Node, ended: str) -> None:
    staged = leave_notes(node)
    node.ok(stage({}))
    if ended == "finish":
        node.ok(scripts.finish_script(COMPONENT))
    else:
        node.ok(scripts.delete_script(files=[], shared_files=[], directories=[], retired=[], component=COMPONENT))
    assert not staged.exists()
    assert read(node, {}).journal == ()


def test_notes_of_an_earlier_version_outlive_a_change_that_is_abandoned(node: Node) -> None:
    leave_notes(node)
    before = read(node, {}).journal
    node.ok(stage({node.at("b"): text("b")}))
    node.ok(scripts.abandon_script(COMPONENT))
    assert read(node, {}).journal == before


def test_foreign_entries_are_moved_aside_only_with_owner_marks(node: Node) -> None:
    wire = {"directories": {str(node.root): {"foreign": "removed"}}}
    (node.root / "other").write_text("of a component that has no marks yet\n")
    wanted = inputs(wire)
    plan = make_plan(read(node, wire), wanted)
    assert (plan.aside, len(plan.warnings)) == ((), 1)
    node.ok(stage({}))
    node.ok(commit({}))
    node.ok(scripts.finish_script(COMPONENT))
    assert read(node, {}).unmarked is False, "an empty list of marks counts"
    plan = make_plan(read(node, wire), wanted)
    assert [one.path for one in plan.aside] == [node.at("other")]
