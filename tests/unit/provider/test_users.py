"""System users: made from a staged or a present file before anything is written in their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from provider.remote import scripts, users
from tests.unit.provider.node import COMPONENT, Node, folder, text

SYSUSERS = r"""#!/bin/sh
# Prints what it reads; fails for a file with the word `bad`.
for one; do
  echo "$one: $(cat "$one")" >>"$UNITS/users"
  ! grep -q bad "$one" || { echo "line 1: no user" >&2; exit 1; }
done
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path)
    program = tmp_path / "bin/systemd-sysusers"
    program.write_text(SYSUSERS)
    program.chmod(0o755)
    monkeypatch.setattr(users, "FOLDER", made.at("sysusers.d/"))
    return made


def applied(node: Node) -> list[str]:
    """The calls of systemd-sysusers since this was last asked."""
    file = node.units / "users"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def test_users_are_made_from_the_staged_file_before_anything_else_is_staged() -> None:
    files = {"/etc/a": text("one\n"), "/etc/sysusers.d/a.conf": text("u a\n")}
    script = scripts.stage_script(files, {"/var/lib/a": folder()}, COMPONENT)
    staged, made = script.index("path=/etc/sysusers.d/a.conf"), script.index("\nmake_users /etc/sysusers.d/a.conf")
    assert staged < made < script.index("path=/var/lib/a") < script.index("path=/etc/a ")


def test_users_of_a_new_file(node: Node) -> None:
    path = node.at("sysusers.d/a.conf")
    node.ok(scripts.stage_script({path: text("u a\n")}, {}, COMPONENT))
    assert applied(node) == [f"{node.at('sysusers.d/.a.conf.plumbline-new')}: u a"]


def test_users_of_a_file_that_stays(node: Node) -> None:
    """Somebody may have removed the user; the file is as it should be."""
    path = Path(node.at("sysusers.d/a.conf"))
    path.parent.mkdir()
    path.write_text("u a\n")
    node.ok(scripts.stage_script({node.at("f"): text("one\n")}, {}, COMPONENT, kept=[str(path)]))
    assert applied(node) == [f"{path}: u a"]


def test_no_call_without_declared_users(node: Node) -> None:
    node.ok(scripts.stage_script({node.at("f"): text("one\n")}, {}, COMPONENT, kept=[node.at("g")]))
    assert applied(node) == []


def test_refused_users_leave_nothing(node: Node) -> None:
    path = node.at("sysusers.d/a.conf")
    done = node.run(scripts.stage_script({path: text("bad\n"), node.at("f"): text("one\n")}, {}, COMPONENT))
    assert done.returncode != 0
    assert done.stderr.strip() == f"the users that {path} declares cannot be made: line 1: no user"
    node.ok(scripts.abandon_script(COMPONENT))
    assert node.tree() == {}


def test_missing_program_is_named(node: Node) -> None:
    path = node.at("sysusers.d/a.conf")
    script = scripts.stage_script({path: text("u a\n")}, {}, COMPONENT)
    done = node.run(script.replace("command -v systemd-sysusers", "command -v no-systemd-sysusers"))
    assert done.stderr.strip() == f"there is no systemd-sysusers: it makes the users that {path} declares"
