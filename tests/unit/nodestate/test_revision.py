"""The revision covers what is written to the node and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nodestate import UNKNOWN, Connection, Directory, Download, File, Rollout, Secret, Unit, revision
from tests.unit.nodestate.test_wire import FULL

COVERED: list[dict[str, Any]] = [
    {"node": "n2"},
    {"machine_id": "other"},
    {"files": {}},
    {"directories": {"/d": Directory("0755")}},
    {"units": {"a.service": Unit()}},
    *(
        {"files": {**FULL.files, "/text": file}}
        for file in (
            File("two\n", mode="0600", owner="core", group="adm"),
            File("one\n", mode="0644", owner="core", group="adm"),
            File("one\n", mode="0600", owner="root", group="adm"),
            File("one\n", mode="0600", owner="core", group="core"),
            File("one\n", block=True),
            File(source=Download("https://one/text", "a" * 64)),
        )
    ),
    {"files": {**FULL.files, "/secret": File(Secret("three\n"))}},
    {"files": {**FULL.files, "/tool": File(source=Download("https://one/tool", "b" * 64, "bin/tool"), mode="0755")}},
]
NOT_COVERED: list[dict[str, Any]] = [
    {"reactions": ()},
    {"readiness": ()},
    {"rollout": None},
    {"rollout": Rollout("other")},
    {"pre_start": ()},
    {"pre_delete": ()},
    {"connection": Connection("other", Secret("other"), "ssh-ed25519 BBBB")},
    {"files": {**FULL.files, "/tool": File(source=Download("https://two/tool", "a" * 64, "bin/tool"), mode="0755")}},
    {"files": {**FULL.files, "/secret": File("two\n")}},
    {"files": dict(reversed(list(FULL.files.items())))},
]


@pytest.mark.parametrize("change", COVERED, ids=str)
def test_revision_changes_with_what_is_written(change: dict[str, Any]) -> None:
    assert revision(replace(FULL, **change)) != revision(FULL)


@pytest.mark.parametrize("change", NOT_COVERED, ids=str)
def test_revision_does_not_change_with_policy(change: dict[str, Any]) -> None:
    assert revision(replace(FULL, **change)) == revision(FULL)


@pytest.mark.parametrize(
    "change",
    [
        {"machine_id": UNKNOWN},
        {"files": {"/a": File(UNKNOWN)}},
        {"files": {"/a": File(Secret(UNKNOWN))}},
        {"files": {"/a": File("x", mode=UNKNOWN)}},  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_revision_is_none_while_part_is_unknown(change: dict[str, Any]) -> None:
    assert revision(replace(FULL, **change)) is None
