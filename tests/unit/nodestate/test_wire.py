"""The wire form: there and back, with secrets and unknown values, and from the keys of earlier programs."""

from __future__ import annotations

from typing import Any

import pytest

from nodestate import (
    UNKNOWN,
    Action,
    Connection,
    Directory,
    Download,
    File,
    Hook,
    NodeState,
    NodeStateInputs,
    Reaction,
    Readiness,
    Rollout,
    Secret,
    Unit,
    from_wire,
    map_leaves,
    to_wire,
)
from nodestate.keys import fields_of
from nodestate.wire import partly_unknown

CONNECTION = Connection("10.0.0.1", Secret("a key"), "ssh-ed25519 AAAA", port=2222, user="core")
FULL = NodeStateInputs(
    node="n1",
    machine_id="m",
    connection=CONNECTION,
    files={
        "/text": File("one\n", mode="0600", owner="core", group="adm"),
        "/empty": File(""),
        "/secret": File(Secret("two\n")),
        "/tool": File(source=Download("https://one/tool", "a" * 64, "bin/tool"), mode="0755"),
        "/hosts": File("lines\n", block=True),
    },
    directories={"/d": Directory("0700", "core", "adm")},
    units={"a.service": Unit(), "b.timer": Unit(enabled=False, active=False)},
    reactions=(
        Reaction("a.service", Action.RESTART, ("/text", "/tool")),
        Reaction("a.service", Action.SELF_RELOAD, ("/secret",), served_at="localhost:1", certificate="/text"),
    ),
    readiness=(Readiness("a.service", "http://localhost:1/", 30), Readiness("b.timer")),
    rollout=Rollout("g", health_check="check", max_unavailable=2, members=("n1", "n2"), removal_check="removal"),
    pre_start=(Hook("a.service", "start"),),
    pre_delete=(Hook("a.service", "delete"),),
)
BARE = NodeStateInputs(node="n1", machine_id="m", connection=Connection("h", Secret("k"), "ssh-ed25519 AAAA"))


@pytest.mark.parametrize("inputs", [FULL, BARE], ids=["full", "bare"])
def test_wire_form_reads_back_as_the_same_inputs(inputs: NodeStateInputs) -> None:
    assert from_wire(NodeStateInputs, to_wire(inputs)) == inputs


def test_wire_form_spells_every_key() -> None:
    """These keys are in stored states: a change needs `formerly` on its field. A new field is no change of them."""
    spelled: dict[str, Any] = {
        "files": {
            "/text": {"content": "one\n", "mode": "0600", "owner": "core", "group": "adm"},
            "/empty": {"content": "", "mode": "0644", "owner": "root", "group": "root"},
            "/secret": {"content": Secret("two\n"), "mode": "0644", "owner": "root", "group": "root"},
            "/tool": {
                "source": {"url": "https://one/tool", "sha256": "a" * 64, "extract": "bin/tool"},
                "mode": "0755",
                "owner": "root",
                "group": "root",
            },
            "/hosts": {"content": "lines\n", "block": True},
        },
        "directories": {"/d": {"mode": "0700", "owner": "core", "group": "adm"}},
        "units": {"a.service": {"enabled": True, "active": True}, "b.timer": {"enabled": False, "active": False}},
        "reactions": [
            {"unit": "a.service", "action": "restart", "files": ["/text", "/tool"]},
            {
                "unit": "a.service",
                "action": "self-reload",
                "files": ["/secret"],
                "servedAt": "localhost:1",
                "certificate": "/text",
            },
        ],
        "readiness": [
            {"unit": "a.service", "http": "http://localhost:1/", "timeout": 30},
            {"unit": "b.timer", "timeout": 120},
        ],
        "rollout": {
            "group": "g",
            "healthCheck": "check",
            "maxUnavailable": 2,
            "members": ["n1", "n2"],
            "removalCheck": "removal",
        },
        "preStart": [{"unit": "a.service", "script": "start"}],
        "preDelete": [{"unit": "a.service", "script": "delete"}],
        "node": "n1",
        "machineId": "m",
        "connection": {
            "host": "10.0.0.1",
            "privateKey": Secret("a key"),
            "hostKey": "ssh-ed25519 AAAA",
            "port": 2222,
            "user": "core",
        },
    }
    assert _within(to_wire(FULL), spelled) == spelled


def _within(found: Any, spelled: Any) -> Any:
    """The part of `found` whose keys are spelled."""
    if isinstance(found, dict) and isinstance(spelled, dict):
        return {key: _within(value, spelled[key]) for key, value in found.items() if key in spelled}
    if isinstance(found, list) and isinstance(spelled, list) and len(found) == len(spelled):
        return [_within(one, other) for one, other in zip(found, spelled, strict=True)]
    return found


def test_wire_form_leaves_out_what_is_not_given() -> None:
    assert to_wire(NodeState()) == {"files": {}, "directories": {}, "units": {}, "probes": {}}
    assert not {"healthCheck", "members", "removalCheck"} & to_wire(Rollout("g")).keys()
    assert to_wire(File("x", block=True)) == {"content": "x", "block": True}


def test_wire_form_of_another_object_keeps_its_values() -> None:
    class Machine:
        host, private_key, unrelated = "h", object(), 1

    assert to_wire(Machine, Connection) == {"host": "h", "privateKey": Machine.private_key}


@pytest.mark.parametrize(
    ("stored", "inputs"),
    [
        ({"prepare": [{"unit": "a.service", "script": "s"}]}, {"preStart": [{"unit": "a.service", "script": "s"}]}),
        ({"leave": [{"unit": "a.service", "script": "s"}]}, {"preDelete": [{"unit": "a.service", "script": "s"}]}),
        ({"rollout": {"group": "g", "guard": "c"}}, {"rollout": {"group": "g", "healthCheck": "c"}}),
        ({"rollout": {"group": "g", "atOnce": 2}}, {"rollout": {"group": "g", "maxUnavailable": 2}}),
        ({"rollout": {"group": "g", "remaining": "c"}}, {"rollout": {"group": "g", "removalCheck": "c"}}),
    ],
    ids=["prepare", "leave", "guard", "atOnce", "remaining"],
)
def test_wire_form_reads_former_keys(stored: dict[str, Any], inputs: dict[str, Any]) -> None:
    assert from_wire(NodeState, stored) == from_wire(NodeState, inputs) != NodeState()


def test_wire_form_knows_all_former_keys() -> None:
    """Each is covered by the test above."""
    former = {field.key.formerly for kind in (NodeStateInputs, Rollout) for field in fields_of(kind)}
    assert former - {None} == {"prepare", "leave", "guard", "atOnce", "remaining"}


def test_wire_form_reads_numbers_of_secret_maps() -> None:
    found = from_wire(
        Connection, {"host": Secret("h"), "privateKey": "k", "hostKey": Secret("x"), "port": Secret("23")}
    )
    assert found == Connection("h", Secret("k"), "x", port=23)


@pytest.mark.parametrize("unknown", [UNKNOWN, Secret(UNKNOWN)], ids=["plain", "secret"])
@pytest.mark.parametrize("key", to_wire(FULL))
def test_wire_form_reads_unknown_sections(key: str, unknown: Any) -> None:
    found: Any = from_wire(NodeStateInputs, to_wire(FULL) | {key: unknown})
    [field] = [one for one in fields_of(NodeStateInputs) if one.wire == key]
    assert getattr(found, field.name) == (UNKNOWN if field.required or field.shape == "leaf" else field.default)


def test_wire_form_keeps_unknown_values() -> None:
    data = {
        "files": {
            "/a": {"content": UNKNOWN, "mode": UNKNOWN},
            "/b": {"content": Secret(UNKNOWN)},
            "/c": UNKNOWN,
        },
        "units": UNKNOWN,
        "reactions": [UNKNOWN, {"unit": UNKNOWN, "action": "restart", "files": [UNKNOWN, "/a"]}],
        "rollout": UNKNOWN,
    }
    state: Any = from_wire(NodeState, data)
    assert state.files["/a"].content is UNKNOWN
    assert state.files["/a"].mode is UNKNOWN
    assert isinstance(state.files["/b"].content, Secret)
    assert not state.files["/b"].content.known
    assert state.files["/c"].content is UNKNOWN
    assert state.files["/c"].source is None
    assert state.units == {}
    [reaction] = state.reactions
    assert reaction.unit is UNKNOWN
    assert reaction.files == ("/a",)
    assert state.rollout is None


@pytest.mark.parametrize(
    ("data", "unknown"),
    [
        (UNKNOWN, True),
        (Secret(UNKNOWN), True),
        ({"a": [{"b": UNKNOWN}]}, True),
        ({"a": [Secret("x"), None, 1]}, False),
    ],
)
def test_wire_form_tells_whether_part_is_unknown(data: Any, unknown: bool) -> None:
    assert partly_unknown(data) is unknown


def test_wire_form_maps_its_leaves() -> None:
    assert map_leaves({"a": [1, {"b": 2}]}, lambda leaf: leaf * 10) == {"a": [10, {"b": 20}]}


def test_file_block_has_no_mode_and_owner() -> None:
    assert File("x", mode="0600", block=True) == File("x", block=True)
    assert File("x", block=True).mode == ""


def test_fields_each_declare_their_meaning() -> None:
    for kind in (NodeStateInputs, Connection, File, Download, Directory, Unit, Reaction, Readiness, Hook, Rollout):
        for field in fields_of(kind):
            assert field.key.doc.endswith("."), f"{kind.__name__}.{field.name}"
