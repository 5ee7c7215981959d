"""Declarations of a run: the former owner of a path is told of the new one, in updates and in deletions."""

from __future__ import annotations

import asyncio
from typing import Any

from pulumi.provider.experimental import provider as api

from nodestate import UNKNOWN, Declared
from provider.handover import Declarations
from provider.provider import NodeStates
from provider.ssh import SshPool
from provider.values import sent
from tests.unit.provider.inputs import NODE, inputs
from tests.unit.provider.test_diff import URN, SilentEngine

FILE: dict[str, Any] = {"content": "one", "mode": "0644", "owner": "root", "group": "root"}
ELSEWHERE: dict[str, Any] = {"n1-other": {"files": ["/a"]}}


def test_check_takes_the_declarations_of_others_away_and_the_update_keeps_to_them() -> None:
    """They are not stored: a change in one component would be a change of each other one."""
    engine = SilentEngine()
    provider = NodeStates(engine, SshPool())  # type: ignore[arg-type]
    old = NODE | {"connection": UNKNOWN, "files": {"/a": FILE, "/b": FILE}}
    new = NODE | {"connection": UNKNOWN, "files": {"/b": FILE}, "declaredElsewhere": ELSEWHERE}
    olds, news = ({key: sent(value) for key, value in one.items()} for one in (old, new))

    async def run() -> dict[str, Any]:
        checked = await provider.check(api.CheckRequest(URN, olds, news, b""))
        assert not checked.failures
        kept = dict(checked.inputs or {})
        different = await provider.diff(api.DiffRequest(URN, "n1/n1-proof", olds, kept, []))
        assert different.changes, "the state lets the path go"
        await provider.update(api.UpdateRequest(URN, "n1/n1-proof", olds, kept, 0, [], True))
        return kept

    kept = asyncio.run(run())
    assert "declaredElsewhere" not in kept
    assert engine.lines == ["n1: /a is handed over to n1-other"]


def test_deletion_leaves_all_that_other_components_of_the_node_declare() -> None:
    declarations = Declarations()
    declarations.note("n1-renamed", inputs({"files": {"/a": FILE}, "units": {"a.service": {}}}))
    declarations.note("n1-other", inputs({"declaredElsewhere": ELSEWHERE}))
    assert declarations.kept("n1", "n1-former") == {
        "n1-renamed": Declared(files=("/a",), units=("a.service",)),
        "n1-other": Declared(),
    }
    assert declarations.kept("n2", "n1-former") == {}
    assert declarations.elsewhere("n1-other") == {"n1-other": Declared(files=("/a",))}
    assert declarations.elsewhere("n1-former") == {}
