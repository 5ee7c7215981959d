"""Paths and units that change hands between components of one node, and components that are removed side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provider.remote import scripts
from tests.provider.components import Components
from tests.provider.container import Container
from tests.provider.service import OTHER, OWNED, SLEEPER

MOVED = {"/etc/proof/moved.conf": {"content": "moved\n", **OWNED}}
OTHER_FILE = f"/etc/systemd/system/{OTHER}"
ROUNDS = 40


@pytest.fixture
def stack(tmp_path: Path, systemd: Container) -> Iterator[Components]:
    """A stack without components, left as it was found."""
    made = Components(tmp_path / "bench", systemd)
    before = systemd.left()
    yield made
    made.destroy()
    systemd.run("rmdir /etc/proof 2>/dev/null || true")
    assert systemd.left() == before


def test_path_that_moves_to_the_component_before_stays(stack: Components, systemd: Container) -> None:
    """The new owner is updated first: the former one must not remove the path after it."""
    kept = {"/etc/proof/kept.conf": {"content": "kept\n", **OWNED}}
    stack.after = {"b": "a"}
    stack.components = {"a": {}, "b": {"files": kept | MOVED}}
    assert stack.up() == {"create": 3}
    stack.components = {"a": {"files": MOVED}, "b": {"files": kept}}
    stack.up()
    assert systemd.run("cat /etc/proof/moved.conf /etc/proof/kept.conf") == "moved\nkept\n"
    assert systemd.run("cat /var/lib/plumbline/owned/a /var/lib/plumbline/owned/b").split() == [
        "/etc/proof/moved.conf",
        "/etc/proof/kept.conf",
    ]
    assert stack.up(refresh=True) == {"same": 3}
    del stack.components["b"]
    stack.up()
    assert systemd.run("ls /etc/proof") == "moved.conf\n"


@pytest.mark.parametrize("order", [{"b": "a"}, {"a": "b"}], ids=["former-owner-first", "new-owner-first"])
def test_unit_and_path_that_move_are_left_alone_whatever_the_order(
    stack: Components, systemd: Container, order: dict[str, str]
) -> None:
    """The former owner knows from the program that another component declares them now."""
    kept = {"/etc/proof/kept.conf": {"content": "kept\n", **OWNED}}
    content: dict[str, Any] = {
        "files": {OTHER_FILE: {"content": SLEEPER, **OWNED}} | MOVED,
        "units": {OTHER: {"enabled": True, "active": True}},
        "reactions": [{"unit": OTHER, "action": "restart", "files": [OTHER_FILE]}],
    }
    stack.after = order
    stack.components = {"a": {**content, "files": content["files"] | kept}, "b": {}}
    stack.up()
    assert stack.up(refresh=True) == {"same": 3}
    before = systemd.started(OTHER), systemd.run(f"stat -c %i {OTHER_FILE} {' '.join(MOVED)}")
    stack.components = {"a": {"files": kept}, "b": content}
    preview = stack.preview()
    for item in (OTHER, OTHER_FILE, *MOVED):
        assert f"n1: {item} is handed over to b" in preview
    assert "will stop" not in preview
    stack.up()
    assert (systemd.started(OTHER), systemd.run(f"stat -c %i {OTHER_FILE} {' '.join(MOVED)}")) == before
    assert stack.up(refresh=True) == {"same": 3}
    for resource in json.loads(stack.state())["checkpoint"]["latest"]["resources"]:
        assert "declaredElsewhere" not in {**resource.get("inputs", {}), **resource.get("outputs", {})}
    stack.components, stack.after = {"a": stack.components["a"]}, {}
    stack.up()
    assert systemd.run("ls /etc/proof") == "kept.conf\n"


def test_renamed_component_keeps_its_files_and_its_unit(stack: Components, systemd: Container) -> None:
    """The engine creates the new resource, and deletes the old one afterwards."""
    content = {
        "files": {OTHER_FILE: {"content": SLEEPER, **OWNED}} | MOVED,
        "directories": {"/etc/proof": {"mode": "0750", "owner": "root", "group": "root"}},
        "units": {OTHER: {"enabled": True, "active": True}},
        "reactions": [{"unit": OTHER, "action": "restart", "files": [OTHER_FILE]}],
        "preDelete": [{"unit": OTHER, "script": "touch /run/proof-left\n"}],
    }
    stack.components = {"former": content}
    stack.up()
    before = systemd.started(OTHER)
    stack.components = {"renamed": content}
    stack.up()
    assert systemd.run(f"systemctl is-active {OTHER}; systemctl is-enabled {OTHER}") == "active\nenabled\n"
    assert systemd.started(OTHER) == before
    assert systemd.run("cat /etc/proof/moved.conf; stat -c %a /etc/proof; ls /run/proof-left 2>/dev/null || true") == (
        "moved\n750\n"
    )
    assert stack.up(refresh=True) == {"same": 2}
    del stack.components["renamed"]
    stack.up()
    assert systemd.run("ls /run/proof-left; rm /run/proof-left") == "/run/proof-left\n", "now it does leave"


def test_components_are_removed_side_by_side(stack: Components, systemd: Container) -> None:
    """Each deletion ends with the provider's own folder, if it is the last: never below one that has just begun."""
    names = [f"c{number}" for number in range(6)]
    for _ in range(2):
        stack.components = {
            name: {"files": {f"/etc/proof/{name}.conf": {"content": f"{name}\n", **OWNED}}} for name in names
        }
        assert stack.up()["create"] >= len(names)
        stack.components = {}
        assert stack.up()["delete"] == len(names)
        assert systemd.run("ls -A /etc/proof; ls -d /var/lib/plumbline 2>/dev/null || true") == ""


def test_begin_and_deletion_of_another_component_do_not_race(systemd: Container) -> None:
    begin = scripts.owners_script("first", ["/etc/none"])
    removed = scripts.owners_script("second", ["/etc/none"])
    delete = scripts.delete_script(files=[], shared_files=[], directories=[], retired=[], component="second")
    end = scripts.abandon_script("first")
    loops = "".join(
        f"cat >/run/proof-{name}.sh <<'END-OF-SCRIPT'\n{text}END-OF-SCRIPT\n"
        for name, text in {"begin": begin, "end": end, "removed": removed, "delete": delete}.items()
    )
    repeat = (
        f"repeat() {{ i=0; while [ $i -lt {ROUNDS} ]; do i=$((i + 1)); sh /run/proof-$1.sh && sh /run/proof-$2.sh || "
        'echo "$1 $2 failed"; done >/run/proof-$1.log 2>&1; }\n'
    )
    systemd.run(f"{loops}{repeat}repeat begin end &\nrepeat removed delete &\nwait\n")
    assert systemd.run("grep -hv '^begun$\\|^deleted$\\|^nothing$\\|^replayed$' /run/proof-*.log || true") == ""
    systemd.run(
        "rm /run/proof-*; rm -rf /var/lib/plumbline/journal/first; rmdir /var/lib/plumbline/* 2>/dev/null || true"
    )
