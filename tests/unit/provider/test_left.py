"""Lost results: the node has finished, and the state does not know it. The owner marks on the node are all that tells."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodestate import Action, NodeStateInputs, Reaction
from provider.apply import delete
from provider.changes import LEFT_BEHIND, RESTART
from provider.observation import Request, observed_state, questions
from provider.observed import Observed
from provider.plan import Plan, make_plan
from provider.remote import scripts
from provider.remote.report import Report, parse, read_script
from provider.remote.scripts import Commit
from provider.ssh import Result
from tests.unit.provider.inputs import inputs
from tests.unit.provider.node import COMPONENT, Node, commit, folder, stage, text


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def finish(node: Node, wanted: NodeStateInputs, plan: Plan | None = None) -> None:
    """A whole run, up to its last step."""
    files = wanted.files if plan is None else {}
    removed = [one.path for one in plan.files if one.removes and not one.block] if plan is not None else []
    node.ok(stage(files, wanted.directories))
    work = Commit(
        files=[path for path, one in files.items() if not one.block],
        blocks=[path for path, one in files.items() if one.block],
        removed=removed,
        directories=[one.path for one in plan.directories if one.removes] if plan is not None else [],
        owned=[*wanted.files, *wanted.directories, *wanted.units],
        owned_whole=[path for path, one in wanted.files.items() if not one.block],
    )
    node.ok(scripts.commit_script(COMPONENT, work))
    node.ok(scripts.finish_script(COMPONENT))


def report(node: Node, request: Request) -> Report:
    asked = questions([request])
    done = node.run(read_script(asked))
    assert done.returncode == 0, done.stderr
    return parse(done.stdout, asked)


def read(node: Node, wanted: NodeStateInputs, declared: Mapping[str, set[str]] | None = None) -> Observed:
    request = Request(wanted, COMPONENT, {})
    asked = questions([request])
    return observed_state(report(node, request), request, asked.files, declared or {})


def test_files_and_directories_of_a_lost_result_are_removed(node: Node) -> None:
    former = replace(inputs({}), files={node.at("kept"): text("one\n")})
    lost = replace(
        former,
        files={**former.files, node.at("d/more"): text("a secret\n")},
        directories={node.at("d"): folder("0750")},
    )
    finish(node, lost)
    found = read(node, former)
    assert found.left == (node.at("d"), node.at("d/more"))
    assert found.files[node.at("d/more")].content == "(not read)"
    plan = make_plan(found, former)
    assert {(one.path, one.attributes, one.because) for one in (*plan.files, *plan.directories)} == {
        (node.at("d/more"), ("removed",), LEFT_BEHIND),
        (node.at("d"), ("removed",), LEFT_BEHIND),
    }
    finish(node, former, plan)
    assert [*node.tree()] == ["kept"]
    assert read(node, former).left == ()


def test_block_of_a_lost_result_is_a_block(node: Node) -> None:
    former = inputs({})
    (node.root / "hosts").write_text("localhost\n")
    finish(node, replace(former, files={node.at("hosts"): text("ours\n", block=True)}))
    [change] = make_plan(read(node, former), former).files
    assert (change.path, change.attributes, change.block) == (node.at("hosts"), ("removed",), True)


def test_content_of_a_lost_result_is_never_read(node: Node) -> None:
    """Also not once the state knows the path: it may be a secret of a program that is not known here."""
    former = inputs({})
    finish(node, replace(former, files={node.at("key"): text("a secret\n")}))
    stored = read(node, former)
    request = Request(former, COMPONENT, {}, stored)
    done = node.ok(read_script(questions([request])))
    assert "YSBzZWNyZXQK" not in done
    found = observed_state(parse(done, questions([request])), request, {})
    assert found.files == stored.files


def test_path_that_another_component_declares_is_not_left(node: Node) -> None:
    former = inputs({})
    finish(node, replace(former, files={node.at("moved"): text("one\n")}))
    assert read(node, former, {COMPONENT: {node.at("moved")}}).left == (node.at("moved"),)
    assert read(node, former, {"n1-other": {node.at("moved")}}).left == ()


def test_directory_in_the_place_of_a_left_file_stays(node: Node) -> None:
    former = inputs({})
    finish(node, replace(former, files={node.at("f"): text("one\n")}))
    (node.root / "f").unlink()
    (node.root / "f").mkdir()
    plan = make_plan(read(node, former), former)
    assert plan.empty
    assert plan.warnings == (f"{node.at('f')} is a directory now: it stays",)


LOST = """\
node\tm1\t1000\t500.0\t
marked\tn1-proof
owned\tn1-proof\t/etc/systemd/system/new.service
owned\tn1-proof\t/etc/systemd/system/a.service.d/own.conf
owned\tn1-proof\tnew.service
owned\tn1-proof\tsshd.service
whole\tn1-proof\t/etc/systemd/system/new.service
whole\tn1-proof\t/etc/systemd/system/a.service.d/own.conf
found\tregular file\t0644\troot\troot\t0\t0\t1\t/etc/systemd/system/new.service
found\tregular file\t0644\troot\troot\t0\t0\t1\t/etc/systemd/system/a.service.d/own.conf
left\tnew.service\tactive\tenabled
left\tsshd.service\tactive\tenabled
started\ta.service\tinvocation-1
startsum\ta.service\tc0\t/etc/systemd/system/a.service.d/own.conf
unit\tId=a.service
unit\tLoadState=loaded
unit\tActiveState=active
unit\tUnitFileState=enabled
unit\tInvocationID=invocation-1
end
"""


def lost_units(printed: str = LOST) -> Plan:
    wire: dict[str, Any] = {"units": {"a.service": {}}}
    request = Request(inputs(wire), "n1-proof", {})
    asked = questions([request])
    return make_plan(observed_state(parse(printed, asked), request, asked.files), inputs(wire))


def test_unit_of_a_lost_result_ends_with_its_file() -> None:
    plan = lost_units()
    assert plan.settings == {"new.service": ("disable",)}
    assert [(one.unit, one.action) for one in plan.steps if one.unit != "a.service"] == [("new.service", "stop")]


def test_unit_that_a_broken_run_ended_is_not_enabled_again() -> None:
    broken = "".join(
        line for line in LOST.splitlines(keepends=True) if not line.startswith(("found", "left\tnew.service", "end"))
    )
    broken += "journal\tn1-proof\tsetting\tnew.service\tenabled\nleft\tnew.service\tinactive\t\nend\n"
    assert lost_units(broken).settings == {}


def test_unit_that_runs_with_a_left_drop_in_restarts() -> None:
    [step] = [one for one in lost_units().steps if one.unit == "a.service"]
    assert (step.action, step.because) == (RESTART, "/etc/systemd/system/a.service.d/own.conf changes")
    started_since = LOST.replace("started\ta.service\tinvocation-1", "started\ta.service\tinvocation-0")
    assert all(one.unit != "a.service" for one in lost_units(started_since).steps)


def test_left_reaction_is_of_the_running_invocation_only() -> None:
    request = Request(inputs({"units": {"a.service": {}}}), "n1-proof", {})
    asked = questions([request])
    found = observed_state(parse(LOST, asked), request, asked.files)
    assert found.reactions == (Reaction("a.service", Action.RESTART, ("/etc/systemd/system/a.service.d/own.conf",)),)


def test_delete_removes_what_the_state_does_not_know(node: Node) -> None:
    (node.root / "hosts").write_text("localhost\n")
    files = {
        node.at("known"): text("one\n"),
        node.at("d/deep/more"): text("two\n"),
        node.at("hosts"): text("ours\n", block=True),
    }
    folders = {node.at("d"): folder(), node.at("d/deep"): folder()}
    finish(node, replace(inputs({}), files=files, directories=folders))
    (node.root / "f").mkdir()
    node.ok(scripts.owners_script(COMPONENT, []))
    node.ok(
        scripts.delete_script(
            files=[node.at("known")], shared_files=[], directories=[], retired=[], component=COMPONENT
        )
    )
    assert [*node.tree()] == ["f", "hosts"]
    assert (node.root / "hosts").read_text() == "localhost\n"
    assert not node.home.exists()


def test_delete_leaves_what_others_declare_and_have_not_claimed_yet(node: Node) -> None:
    files = {node.at("d/mine"): text("one\n"), node.at("d/theirs"): text("two\n")}
    finish(node, replace(inputs({}), files=files, directories={node.at("d"): folder()}))
    node.ok(scripts.owners_script(COMPONENT, []))
    node.ok(
        scripts.delete_script(
            files=[node.at("d/mine")],
            shared_files=[],
            directories=[],
            retired=[],
            component=COMPONENT,
            spared=[node.at("d/theirs"), node.at("d")],
        )
    )
    assert [*node.tree()] == ["d", "d/theirs"]


def test_directory_with_a_staged_file_of_a_broken_run_is_removed(node: Node) -> None:
    former = inputs({})
    node.ok(stage({node.at("d/f"): text("one\n")}, {node.at("d"): folder()}))
    found = read(node, former)
    finish(node, former, make_plan(found, former))
    assert node.tree() == {}


def test_file_that_a_broken_run_removed_is_not_put_back(node: Node) -> None:
    """The program has dropped it, and the state has been refreshed since: only the journal and the mark tell of it."""
    former = replace(inputs({}), files={node.at("kept"): text("one\n"), node.at("dropped"): text("two\n")})
    finish(node, former)
    new = replace(former, files={node.at("kept"): text("two\n")})
    node.ok(stage(new.files))
    node.ok(commit(new.files, removed=[node.at("dropped")]))
    found = read(node, new)
    assert [one for one in found.journal if one.act == "file"]
    assert [*found.files] == [node.at("kept")]
    assert not make_plan(found, new).files


def test_file_of_others_that_a_broken_run_claimed_stays(node: Node) -> None:
    (node.root / "theirs").write_text("theirs\n")
    lost = {node.at("theirs"): text("ours\n")}
    node.ok(stage(lost))
    claimed = commit(lost)
    at = claimed.index(f"swap {node.at('theirs')}")
    assert node.run(f"{claimed[:at]}\nkill -9 $$\n{claimed[at:]}").returncode == -9
    plan = make_plan(read(node, inputs({})), inputs({}))
    assert (plan.files, plan.tidy) == ((), True)
    assert node.ok(claimed) == ""
    [change] = make_plan(read(node, inputs({})), inputs({})).files
    assert change.attributes == ("restored",)


class Session:
    """Runs the scripts of a deletion on a node of the tests."""

    name = "n1"

    def __init__(self, node: Node) -> None:
        self._node = node

    async def run(self, purpose: str, script: str, **_: Any) -> Result:
        done = self._node.run(script)
        return Result(done.returncode, done.stdout, done.stdout, done.stderr)


async def quiet(line: str, ephemeral: bool = False) -> None:
    """A log that nobody reads."""


def test_file_of_others_that_a_broken_run_replaced_outlives_a_deletion(node: Node) -> None:
    (node.root / "theirs").write_text("theirs\n")
    lost = {node.at("theirs"): text("ours\n"), node.at("more"): text("ours\n")}
    for script in (stage(lost), commit(lost)):
        node.ok(script)
    state = read(node, inputs({}))
    assert state.files[node.at("theirs")].replaced
    asyncio.run(delete(Session(node), state, COMPONENT, quiet)).expect_done()  # type: ignore[arg-type]
    assert [*node.tree()] == ["theirs"]
    assert (node.root / "theirs").read_text() == "theirs\n"
