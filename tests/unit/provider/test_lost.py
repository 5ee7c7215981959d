"""Lost creations: a component of the stack is on the node, and neither the state nor the program has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from provider.execute import Change, _claims
from provider.lost import REMOVE, WORD, LostCreations, stack_note
from provider.lost import plan as lost_plan
from provider.observed import Observed
from provider.remote import scripts
from provider.remote.scripts import Commit
from provider.ssh import SshSession
from tests.unit.provider.inputs import inputs
from tests.unit.provider.node import COMPONENT, Node, folder, text
from tests.unit.provider.test_left import finish, read


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


PROJECT = "urn:pulumi:dev::shop"
STACK = f"{PROJECT}::n1"
URN = f"{PROJECT}::plumbline:index:NodeState::n1-proof"


def begin(node: Node, stack: str, **files: str) -> None:
    """The first step of a creation."""
    wanted = {node.at(name): text(content) for name, content in files.items()}
    node.ok(scripts.stage_script(wanted, {}, COMPONENT, stack=stack))


def test_stack_of_a_component_is_noted_until_its_creation_is_undone(node: Node) -> None:
    begin(node, f"{STACK} hooks", f="one\n")
    assert read(node, inputs({})).stacks == {COMPONENT: f"{STACK} hooks"}
    node.ok(scripts.abandon_script(COMPONENT))
    assert read(node, inputs({})).stacks == {}
    begin(node, STACK)
    finish(node, inputs({}))
    assert read(node, inputs({})).stacks == {COMPONENT: STACK}, "a later run of an earlier version keeps it"
    begin(node, STACK, f="one\n")
    node.ok(scripts.abandon_script(COMPONENT))
    assert read(node, inputs({})).stacks == {COMPONENT: STACK}, "only a creation leaves nothing"


@pytest.mark.parametrize("ended", ["staged", "committed", "finished"])
def test_lost_creation_is_removed_whole(node: Node, ended: str) -> None:
    files = {node.at("d/f"): text("one\n")}
    node.ok(scripts.stage_script(files, {node.at("d"): folder()}, COMPONENT, stack=STACK))
    if ended != "staged":
        work = Commit(files=[*files], owned=[*files, node.at("d")], owned_whole=[*files])
        node.ok(scripts.commit_script(COMPONENT, work))
    if ended == "finished":
        node.ok(scripts.finish_script(COMPONENT))
    node.ok(scripts.owners_script(COMPONENT, []), "b")
    removal = scripts.delete_script(files=[], shared_files=[], directories=[], retired=[], component=COMPONENT)
    node.ok(removal, "b")
    assert node.tree() == {}
    assert not node.home.exists()


def test_lost_creation_leaves_the_paths_that_the_program_declares(node: Node) -> None:
    """A component was renamed, its result was lost, and the program is reverted: the former one has the path again."""
    files = {node.at("kept"): text("one\n"), node.at("gone"): text("one\n")}
    node.ok(scripts.stage_script(files, {}, COMPONENT, stack=STACK))
    node.ok(scripts.commit_script(COMPONENT, Commit(files=[*files], owned=[*files], owned_whole=[*files])))
    node.ok(scripts.finish_script(COMPONENT))
    node.ok(scripts.owners_script(COMPONENT, []), "b")
    node.ok(
        scripts.delete_script(
            files=[], shared_files=[], directories=[], retired=[], component=COMPONENT, spared={node.at("kept")}
        ),
        "b",
    )
    assert node.tree().keys() == {"kept"}
    assert not node.home.exists(), "nobody owns it until it is claimed"


def test_lost_creation_that_broke_off_is_not_undone_where_the_program_declares_it(node: Node) -> None:
    """The reverted program brings it about from what is there: a unit that was restarted is not restarted once more."""
    files = {node.at("kept"): text("new\n"), node.at("gone"): text("new\n")}
    for name in ("kept", "gone"):
        (node.root / name).write_text("old\n")
    for unit in ("kept.service", "gone.service"):
        (node.units / f"{unit}.active").touch()
    node.ok(scripts.stage_script(files, {}, COMPONENT, stack=STACK))
    work = Commit(files=[*files], owned=[*files], owned_whole=[*files], reactions=[("restart", "kept.service")])
    node.ok(scripts.commit_script(COMPONENT, work))
    node.ok(scripts.act_script("restart", ["kept.service", "gone.service"], COMPONENT))
    (node.units / "calls").unlink()
    node.ok(scripts.owners_script(COMPONENT, []), "b")
    spared = {node.at("kept"), "kept.service"}
    removal = scripts.delete_script(
        files=[], shared_files=[], directories=[], retired=[], component=COMPONENT, spared=spared
    )
    node.ok(removal, "b")
    assert (node.root / "kept").read_text() == "new\n"
    assert (node.root / "gone").read_text() == "old\n"
    restarted = [line for line in (node.units / "calls").read_text().splitlines() if line.startswith("restart")]
    assert restarted == ["restart gone.service"]
    assert not node.home.exists()


def test_component_claims_again_what_a_lost_creation_took_over() -> None:
    state = replace(Observed.nothing(inputs({})), stacks={"n1-proof": stack_note(URN, inputs({}))})
    change = Change(URN, "n1-proof", cast(SshSession, None), inputs({}), old=state, base=state)
    assert not _claims(change, state)
    assert _claims(replace(change, base=replace(state, lost=("n1-renamed",))), state)
    assert _claims(change, replace(state, owned={"n1-proof": ("/stale",)}))
    assert _claims(change, replace(state, stacks={"n1-proof": "urn:pulumi:other::shop::n1"}))


def test_removal_of_a_lost_creation_is_planned_from_its_owner_marks() -> None:
    found = replace(
        Observed.nothing(inputs({})),
        lost=("n1-lost",),
        owned={
            "n1-lost": ("/d", "/d/f", "/etc/systemd/system/a.service", "/kept", "a.service", "b.service"),
            "n1-proof": ("/e",),
        },
    )
    plan = lost_plan(found, inputs({"declaredElsewhere": {"n1-other": {"files": ["/kept"]}}}))
    assert [one.path for one in plan.files] == ["/d/f", "/etc/systemd/system/a.service"]
    assert [one.path for one in plan.directories] == ["/d"]
    assert [(one.unit, one.action) for one in plan.steps] == [("a.service", "stop")]


def test_mark_of_what_is_not_declared_is_stale_and_shared_paths_are_not() -> None:
    found = replace(Observed.nothing(inputs({})), owned={COMPONENT: ("/a", "/b"), "n1-other": ("/c",)})
    wanted = inputs({"files": {"/a": {"content": "1\n", "mode": "0644", "owner": "root", "group": "root"}}})
    assert found.stale_marks(wanted, COMPONENT) == ["/b"]
    assert found.stale_marks(wanted, "n1-new") == []


def test_marks_taken_from_others_are_given_back_after_the_own_list_is_gone(node: Node) -> None:
    files = {node.at(name): text("1\n") for name in ("a", "b", "c")}
    owned = node.home / "owned"
    owned.mkdir(parents=True)
    (owned / "n1-other").write_text(f"{node.at('a')}\n{node.at('b')}\n")
    node.ok(scripts.stage_script(files, {}, COMPONENT))
    node.ok(scripts.commit_script(COMPONENT, Commit(files=[*files], owned=[*files], owned_whole=[*files])))
    (owned / COMPONENT).unlink()
    printed = node.ok(scripts.replay_script(COMPONENT))
    assert "failed" not in printed
    assert sorted((owned / "n1-other").read_text().split()) == [node.at("a"), node.at("b")]
    assert [one.name for one in owned.iterdir()] == ["n1-other"]


def test_lost_creation_is_found_by_one_component_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(
        Observed.nothing(inputs({})),
        stacks={
            "n1-proof": STACK,
            "n1-lost": STACK,
            "n1-hooks": f"{STACK} hooks",
            "n1-leaving": STACK,
            "n1-theirs": "urn:pulumi:prod::shop::n1",
            "n2-theirs": f"{PROJECT}::n2",
        },
    )
    found = replace(found, owned=dict.fromkeys(found.stacks, ("/a",)))
    declared: dict[str, Any] = {"n1-other": {}}
    wanted, grown = inputs({"declaredElsewhere": declared}), inputs({"declaredElsewhere": {**declared, "n1-new": {}}})
    lost = LostCreations()
    monkeypatch.setenv(WORD, REMOVE)
    assert lost.find(URN, "n1-proof", wanted, found) == ([], []), "without a refresh nobody knows what the state has"
    for stored in ("n1-proof", "n1-other", "n1-leaving"):
        lost.stored(stored)
    assert lost.find(URN, "n1-new", wanted, found) == ([], []), "a creation"
    assert lost.find(URN, "n1-proof", grown, found) == ([], []), "a run that did not read all that is declared"
    assert lost.find(URN, "n1-proof", inputs({}), found) == ([], []), "a program that does not tell of its components"
    assert lost.find(URN, "n1-proof", wanted, found) == (["n1-lost"], ["n1-hooks"])
    assert lost.find(URN, "n1-other", wanted, found) == ([], []), "one removes it"
    assert lost.find(URN, "n1-proof", wanted, found) == (["n1-lost"], ["n1-hooks"])
    monkeypatch.delenv(WORD)
    assert lost.find(URN, "n1-proof", wanted, found) == ([], ["n1-hooks", "n1-lost"]), "only named"
    assert lost.find(URN, "n1-proof", wanted, replace(found, owned={})) == ([], []), "renamed: nothing is left of it"
