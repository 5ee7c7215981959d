"""The journal: whatever act a run is killed after, its replay gives the former tree, byte by byte; twice is the same."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from provider.remote import scripts
from provider.remote.replay import undone
from tests.unit.provider.node import COMPONENT, Node, commit, folder, stage, text

ACT = re.compile(
    r"^(swap|swap_block|path=\S+ mode=\S+ owner=\S+ group=\S+ (?:reshape|make_directory)|retire_unit|move_aside|set_unit|keep"
    r"|keep_block|keep_shape|keep_directory|keep_foreign|note_setting|restart_units|if ours|for one)\b",
    re.M,
)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def prepare(node: Node) -> None:
    """A tree with something of each kind."""
    (node.root / "a.conf").write_text("one\n")
    (node.root / "a.conf").chmod(0o640)
    (node.root / "gone.conf").write_text("gone\n")
    (node.root / "hosts").write_text("localhost\n# BEGIN plumbline\nours\n# END plumbline\nprinter")
    (node.root / "real").write_text("lines\r\n")
    (node.root / "linked").symlink_to("real")
    (node.root / "link").symlink_to("a.conf")
    (node.root / "d").mkdir(0o750)
    (node.root / "d/foreign").write_text("theirs\n")
    (node.root / "empty").mkdir(0o711)
    for one in ("a.service.active", "a.service.enabled", "old.service.active", "old.service.enabled"):
        (node.units / one).touch()


def change(node: Node) -> list[str]:
    """A change of everything in it: its scripts."""
    files = {
        node.at("a.conf"): text("two\n"),
        node.at("new/deep/b.conf"): text("new\n", "0600"),
        node.at("link"): text("no link\n"),
        node.at("hosts"): text("ours\nmore\n", block=True),
        node.at("linked"): text("api\n", block=True),
        node.at("fresh"): text("api\n", block=True),
    }
    return [
        stage(files, {node.at("made"): folder("0700")}),
        commit(
            files,
            shapes={node.at("d"): folder("0700")},
            removed=[node.at("gone.conf")],
            aside=[node.at("d/foreign")],
            directories=[node.at("empty")],
            retired=["old.service"],
            settings={"new.service": ("enable",), "old.service": ("disable",)},
            reactions=[("restart", "a.service"), ("start", "new.service")],
        ),
        scripts.act_script("restart", ["a.service", "new.service"], COMPONENT),
    ]


def acts(script: str) -> list[int]:
    """Where each call of an act begins."""
    body = script.index("\nenter ")
    return [one.start() for one in ACT.finditer(script, body)]


def test_whole_change_is_undone(node: Node) -> None:
    prepare(node)
    before, units = node.tree(), node.state()
    for script in change(node):
        node.ok(script)
    assert node.tree() != before
    assert node.root.joinpath("linked").is_symlink(), "a block edits the file that the link leads to"
    assert node.root.joinpath("real").read_bytes() == b"lines\r\n# BEGIN plumbline\r\napi\r\n# END plumbline\r\n"
    found = undone(node.ok(scripts.replay_script(COMPONENT)))
    assert (node.tree(), node.state()) == (before, units)
    assert found.complete
    assert not found.failed
    assert found.restarted == ["a.service", "old.service"]
    assert not node.log()
    assert undone(node.ok(scripts.replay_script(COMPONENT))).complete


@pytest.mark.parametrize("which", [0, 1, 2])
def test_killed_before_any_act_is_undone(tmp_path: Path, which: int) -> None:
    first = Node(_fresh(tmp_path, "count"))
    count = len(acts(change(first)[which]))
    assert count
    for number in range(count + 1):
        node = Node(_fresh(tmp_path, f"n{number}"))
        prepare(node)
        before, units = node.tree(), node.state()
        steps = change(node)
        for script in steps[:which]:
            node.ok(script)
        places = acts(steps[which])
        at = places[number] if number < count else steps[which].rindex("exit 0")
        killed = f"{steps[which][:at]}\nkill -9 $$\n{steps[which][at:]}"
        assert node.run(killed).returncode == -9
        for _ in range(2):
            found = undone(node.ok(scripts.replay_script(COMPONENT)))
            assert not found.failed, (number, found)
            assert node.tree() == before, number
            assert node.state() == units, number


def _fresh(tmp_path: Path, name: str) -> Path:
    shutil.rmtree(tmp_path / name, ignore_errors=True)
    (tmp_path / name).mkdir()
    return tmp_path / name


def test_run_that_was_overtaken_changes_nothing(node: Node) -> None:
    """Two runs that interleave: the first is refused, and the second is undone to the proven state."""
    (node.root / "f").write_text("old\n")
    first, second = ({node.at("f"): text(f"{one}\n")} for one in ("A", "B"))
    node.ok(stage(first), "a")
    node.ok(stage(second), "b")
    refused = node.run(commit(first), "a")
    assert refused.returncode == 1
    assert "another run (b) has taken over this node" in refused.stderr
    assert (node.root / "f").read_text() == "old\n"
    node.ok(commit(second), "b")
    assert (node.root / "f").read_text() == "B\n"
    node.ok(scripts.replay_script(COMPONENT), "b")
    assert [*node.tree()] == ["f"]
    assert (node.root / "f").read_text() == "old\n"


def test_note_of_a_unit_that_a_run_started_is_undone_with_it(node: Node) -> None:
    files = {node.at("new.service"): text("[Service]\n")}
    node.ok(stage(files))
    node.ok(commit(files))
    node.ok(scripts.act_script("restart", ["new.service"], COMPONENT))
    node.ok(scripts.reacted_script(COMPONENT, "new.service", [], dict.fromkeys(files, "")))
    assert (node.home / "started/new.service").exists()
    node.ok(scripts.replay_script(COMPONENT))
    assert not (node.home / "started/new.service").exists()


def test_note_of_a_unit_has_known_checksums_and_those_of_the_other_files(node: Node) -> None:
    files = {node.at("new.service"): text("[Service]\n")}
    node.ok(stage(files))
    node.ok(commit(files))
    node.ok(scripts.act_script("restart", ["new.service"], COMPONENT))
    known = {"/opt/a program": "0" * 64, node.at("new.service"): "", "/opt/b": "1" * 64}
    node.ok(scripts.reacted_script(COMPONENT, "new.service", [], known))
    noted = (node.home / "started/new.service").read_text().splitlines()[1:]
    computed = hashlib.sha256(b"[Service]\n").hexdigest()
    assert noted == [f"{'0' * 64}  /opt/a program", f"{'1' * 64}  /opt/b", f"{computed}  {node.at('new.service')}"]


def test_stage_that_fails_leaves_nothing(node: Node) -> None:
    (node.root / "d").mkdir(0o750)
    before = node.tree()
    script = stage({node.at("new/f"): text("1\n")}, {node.at("made"): folder()})
    assert node.run(script.replace("\nsync_journal\nexit 0", "\nfalse\nexit 0")).returncode == 1
    assert node.tree() != before
    node.ok(scripts.abandon_script(COMPONENT))
    assert node.tree() == before
    assert not node.log()


def test_block_whose_end_mark_is_gone_is_refused(node: Node) -> None:
    (node.root / "hosts").write_text("# BEGIN plumbline\nours\n10.0.0.9 database\n")
    done = node.run(stage({node.at("hosts"): text("new\n", block=True)}))
    assert done.returncode == 1
    assert f"{node.at('hosts')}: the line '# END plumbline' after our lines is gone" in done.stderr


@pytest.mark.parametrize("content", ["a", "a\n", "a\n\n", ""])
def test_block_has_one_line_end_whatever_was_given(node: Node, content: str) -> None:
    (node.root / "hosts").write_text("x\n")
    files = {node.at("hosts"): text(content, block=True)}
    for script in (stage(files), commit(files), scripts.finish_script(COMPONENT)) * 2:
        node.ok(script)
    expected = content.rstrip("\n")
    marked = f"# BEGIN plumbline\n{expected}\n# END plumbline\n"
    assert (node.root / "hosts").read_text() == f"x\n{marked}"


def test_whole_file_that_becomes_a_block_leaves_none_of_its_lines(node: Node) -> None:
    for files in ({node.at("f"): text("ours\n")}, {node.at("f"): text("ours and more\n", block=True)}):
        for script in (stage(files), commit(files), scripts.finish_script(COMPONENT)):
            node.ok(script)
    assert (node.root / "f").read_text() == "# BEGIN plumbline\nours and more\n# END plumbline\n"
