"""The differences that the engine is told of. A new wire name alone is none."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from pulumi.provider.experimental import provider as api

from nodestate import UNKNOWN, Secret
from nodestate.vocabulary import NODE_STATE
from provider.diff import Kind, detailed, differing_keys, without_unknown_sections
from provider.plan import make_plan
from provider.provider import NodeStates
from provider.ssh import SshPool
from provider.values import sent
from tests.unit.provider.inputs import NODE, inputs, observed

URN = "urn:pulumi:stack::project::plumbline:index:NodeState::n1-proof"
POLICY: dict[str, Any] = {
    "files": {"/a": {"content": "one", "mode": "0644", "owner": "root", "group": "root"}},
    "units": {"a.service": {"enabled": True, "active": True}},
    "reactions": [{"unit": "a.service", "action": "restart", "files": ["/a"]}],
}
FORMER: dict[str, Any] = {
    **POLICY,
    "rollout": {"group": "g", "guard": "check", "atOnce": 1, "members": ["n1"], "remaining": "removal"},
    "prepare": [{"unit": "a.service", "script": "start"}],
    "leave": [{"unit": "a.service", "script": "delete"}],
}
PRESENT: dict[str, Any] = {
    **POLICY,
    "rollout": {
        "group": "g",
        "healthCheck": "check",
        "maxUnavailable": 1,
        "members": ["n1"],
        "removalCheck": "removal",
    },
    "preStart": [{"unit": "a.service", "script": "start"}],
    "preDelete": [{"unit": "a.service", "script": "delete"}],
}


class SilentEngine:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def log(self, urn: str, line: str, ephemeral: bool = False) -> None:
        self.lines.append(line)

    def logger(self, urn: str) -> Any:
        return partial(self.log, urn)


def ask(old: dict[str, Any], new: dict[str, Any]) -> tuple[api.DiffResponse, list[str]]:
    engine = SilentEngine()
    provider = NodeStates(engine, SshPool())  # type: ignore[arg-type]
    request = api.DiffRequest(
        URN,
        "n1/n1-proof",
        {key: sent(value) for key, value in (NODE | old).items()},
        {key: sent(value) for key, value in (NODE | new).items()},
        [],
    )
    return asyncio.run(provider.diff(request)), engine.lines


def test_diff_of_former_wire_keys_is_empty() -> None:
    response, lines = ask({**FORMER, "revision": "old", "installed": {}}, PRESENT)
    assert response.changes is False
    assert response.detailed_diff == {}
    assert lines == []


def test_diff_names_changes_and_announces_nothing() -> None:
    """The engine asks for differences while it refreshes, too, with the old program."""
    response, lines = ask(FORMER, PRESENT | {"files": {"/a": {"content": "two"}}})
    assert response.changes is True
    assert {key: one.kind for key, one in (response.detailed_diff or {}).items()} == {
        'files["/a"].content': Kind.UPDATE
    }
    assert lines == []


def test_previewed_update_announces_steps_and_slot() -> None:
    engine = SilentEngine()
    provider = NodeStates(engine, SshPool())  # type: ignore[arg-type]
    new = NODE | PRESENT | {"files": {"/a": {"content": "two"}}, "connection": UNKNOWN}
    old, news = ({key: sent(value) for key, value in one.items()} for one in (NODE | FORMER, new))
    asyncio.run(provider.update(api.UpdateRequest(URN, "n1/n1-proof", old, news, 0, [], True)))
    assert engine.lines == [
        "n1: a.service will restart because /a changes",
        "n1: waits for a slot in rollout group g: one at a time, each ready before the next",
    ]


def test_diff_announces_no_step_of_a_replacement() -> None:
    response, lines = ask(FORMER, PRESENT | {"machineId": "machine-2", "files": {}})
    assert response.replaces == ["machineId"]
    assert response.delete_before_replace is True
    assert lines == []


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({}, {}),
        ({"reactions": []}, {"reactions": Kind.UPDATE}),
        ({"rollout": {"group": "h"}}, {"rollout": Kind.UPDATE}),
        ({"readiness": [{"unit": "a.service"}]}, {"readiness": Kind.UPDATE}),
        ({"preStart": []}, {"preStart": Kind.UPDATE}),
        ({"node": "n2"}, {"node": Kind.UPDATE_REPLACE}),
        ({"machineId": UNKNOWN}, {"machineId": Kind.UPDATE_REPLACE}),
        ({"machineId": None}, {"machineId": Kind.UPDATE}),
        ({"connection": NODE["connection"] | {"port": 22, "user": "root"}}, {}),
        ({"connection": NODE["connection"] | {"privateKey": Secret("other")}}, {"connection": Kind.UPDATE}),
        ({"connection": NODE["connection"] | {"hostKey": UNKNOWN}}, {"connection": Kind.UPDATE}),
        ({"files": {}}, {}),
        ({"files": UNKNOWN}, {"files": Kind.UPDATE}),
        ({"reactions": UNKNOWN}, {"reactions": Kind.UPDATE}),
        ({"reactions": [*POLICY["reactions"], UNKNOWN]}, {"reactions": Kind.UPDATE}),
    ],
    ids=str,
)
def test_differing_keys_are_those_outside_the_contents(change: dict[str, Any], keys: dict[str, Kind]) -> None:
    wire = NODE | PRESENT | change
    assert differing_keys(observed(PRESENT), inputs(wire), wire) == keys


def test_unknown_section_is_no_removal() -> None:
    wire = NODE | PRESENT | {"files": UNKNOWN, "units": UNKNOWN}
    assert make_plan(observed(PRESENT), without_unknown_sections(observed(PRESENT), inputs(wire), wire)).empty


def test_detailed_names_each_member() -> None:
    old = observed(
        {
            "files": {"/a": {"content": "one"}, "/b": {"content": "one"}},
            "directories": {"/d": {"mode": "0700"}},
            "units": {"a.service": {"active": False}, "b.service": {"masked": True}, "c.service": {}},
            "journal": [{"act": "run", "subject": "r1"}],
        }
    )
    new = inputs(
        {
            "files": {"/a": {"content": "two", "mode": "0600"}, "/c": {"content": "one"}},
            "directories": {"/d": {}},
            "units": {"a.service": {}, "b.service": {}, "d.service": {}},
        }
    )
    assert detailed(old, new, make_plan(old, new)) == {
        'files["/a"].content': Kind.UPDATE,
        'files["/a"].mode': Kind.UPDATE,
        'files["/b"]': Kind.DELETE,
        'files["/c"]': Kind.ADD,
        'directories["/d"].mode': Kind.UPDATE,
        'units["a.service"].active': Kind.UPDATE,
        'units["b.service"].masked': Kind.DELETE,
        'units["c.service"]': Kind.DELETE,
        'units["d.service"]': Kind.ADD,
        "journal": Kind.DELETE,
    }


def test_quote_in_a_name_is_escaped() -> None:
    new = inputs({"files": {'/etc/a"b': {"content": "one"}}})
    assert detailed(observed({}), new, make_plan(observed({}), new)) == {'files["/etc/a\\"b"]': Kind.ADD}


def test_check_refuses_former_keys_by_node_and_key() -> None:
    provider = NodeStates(SilentEngine(), SshPool())  # type: ignore[arg-type]
    request = api.CheckRequest(URN, {}, {key: sent(value) for key, value in (NODE | FORMER).items()}, b"")
    found = asyncio.run(provider.check(request))
    assert [one.reason for one in found.failures or []] == [
        "n1: prepare was renamed: use preStart",
        "n1: leave was renamed: use preDelete",
        "n1: rollout.guard was renamed: use healthCheck",
        "n1: rollout.atOnce was renamed: use maxUnavailable",
        "n1: rollout.remaining was renamed: use removalCheck",
    ]


def test_type_token_is_spelled_once_and_for_all() -> None:
    """Another token would replace every NodeState of every stack."""
    assert NODE_STATE == "plumbline:index:NodeState"


@pytest.mark.parametrize(("how", "keys"), [("named", set()), ("removed", {'units["a.service"].dropIns'})])
def test_detailed_names_foreign_drop_ins_only_if_they_go(how: str, keys: set[str]) -> None:
    old = observed({"units": {"a.service": {"dropIns": ["/etc/systemd/system/a.service.d/x.conf"]}}})
    new = inputs({"units": {"a.service": {"foreignDropIns": how}}})
    assert detailed(old, new, make_plan(old, new)).keys() == keys
