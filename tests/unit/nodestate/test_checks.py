"""Each problem of the inputs, with its key and its reason."""

from __future__ import annotations

from typing import Any

import pytest

from nodestate import UNKNOWN, Connection, File, NodeStateInputs, Reaction, Rollout, Secret, problems, to_wire
from nodestate.keys import fields_of
from tests.unit.nodestate.test_wire import BARE, FULL

PLAIN: dict[str, Any] = {
    "node": "n1",
    "machineId": "m",
    "connection": {"host": "h", "privateKey": Secret("k"), "hostKey": "ssh-ed25519 AAAA"},
    "files": {"/etc/a.conf": {"content": "x"}},
    "units": {"a.service": {}},
}
SHA = "0" * 64
CONNECTION = PLAIN["connection"]


def keys(kind: type) -> str:
    return ", ".join(field.wire for field in fields_of(kind))


def with_file(**file: Any) -> dict[str, Any]:
    return {"files": {"/f": file}}


def with_reaction(**more: Any) -> dict[str, Any]:
    return {"reactions": [{"unit": "a.service", "action": "restart", "files": ["/etc/a.conf"], **more}]}


SELF_RELOAD = {"action": "self-reload", "servedAt": "localhost:1", "certificate": "/etc/a.conf"}
PROBE = {"command": "true", "expected": "", "unit": "a.service"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    # the resource
    ({"node": None}, "node: is missing: a name"),
    ({"node": 5}, "node: 5 is not a name"),
    ({"node": ""}, "node: '' is not a name"),
    ({"machineId": ""}, "machineId: '' is not a text that changes when the node becomes another machine"),
    ({"probes": {"A": PROBE}}, "probes[\"A\"]: 'A' is not a name of a-z, 0-9, - and ."),
    (
        {"probes": {"a": {**PROBE, "unit": "x"}}},
        "probes[\"a\"].unit: 'x' is not a unit's name, such as kubelet.service",
    ),
    ({"probes": {"a": {**PROBE, "expected": None}}}, 'probes["a"].expected: is missing: text'),
    (
        {"verifications": [{"files": [], "script": "true"}]},
        "verifications[0].files: an empty list is not a list of values, each an absolute path in its shortest form",
    ),
    (
        {"verifications": [{"files": ["/etc/b"], "script": "true"}]},
        "verifications[0].files: /etc/b is not among files",
    ),
    (
        {"directories": {"/etc/d": {"foreign": "kept"}}},
        "directories[\"/etc/d\"].foreign: 'kept' is not one of ignored, named, removed",
    ),
    ({"rollout": {"group": "g", "canaries": -1}}, "rollout.canaries: -1 is not a whole number from 0"),
    ({"connection": None}, f"connection: is missing: a map of {keys(Connection)}"),
    ({"connection": "ssh"}, f"connection: 'ssh' is not a map of {keys(Connection)}"),
    ({"redyness": []}, "redyness: is not a known key; did you mean readiness?"),
    (
        {"zz": 1},
        "zz: is not a known key; known: " + ", ".join(sorted(keys(NodeStateInputs).split(", "))),
    ),
    # connection
    ({"connection": {**CONNECTION, "host": None}}, "connection.host: is missing: an address or host name"),
    ({"connection": {**CONNECTION, "host": "a b"}}, "connection.host: 'a b' is not an address or host name"),
    ({"connection": {**CONNECTION, "port": 0}}, "connection.port: 0 is not a port: 1 to 65535"),
    ({"connection": {**CONNECTION, "port": 65536}}, "connection.port: 65536 is not a port: 1 to 65535"),
    ({"connection": {**CONNECTION, "port": 22.5}}, "connection.port: 22.5 is not a port: 1 to 65535"),
    ({"connection": {**CONNECTION, "port": "22"}}, "connection.port: '22' is not a port: 1 to 65535"),
    ({"connection": {**CONNECTION, "port": True}}, "connection.port: True is not a port: 1 to 65535"),
    ({"connection": {**CONNECTION, "port": Secret("99999")}}, "connection.port: this secret is not a port: 1 to 65535"),
    ({"connection": {**CONNECTION, "user": ""}}, "connection.user: '' is not a name"),
    (
        {"connection": {**CONNECTION, "privateKey": Secret("")}},
        "connection.privateKey: this secret is not a private key in PEM or OpenSSH form",
    ),
    (
        {"connection": {**CONNECTION, "hostKey": "AAAA"}},
        "connection.hostKey: 'AAAA' is not a host's public key: its type and the key, such as ssh-ed25519 AAAA...",
    ),
    ({"connection": {**CONNECTION, "hostkey": "x"}}, "connection.hostkey: is not a known key; did you mean hostKey?"),
    # files
    ({"files": []}, "files: an empty list is not a map"),
    ({"files": "x"}, "files: 'x' is not a map"),
    ({"files": {"/f": "x"}}, f"files[\"/f\"]: 'x' is not a map of {keys(File)}"),
    ({"files": {"f": {"content": ""}}}, "files[\"f\"]: 'f' is not an absolute path in its shortest form"),
    (
        {"files": {"/a/../f": {"content": ""}}},
        "files[\"/a/../f\"]: '/a/../f' is not an absolute path in its shortest form",
    ),
    ({"files": {"/f/": {"content": ""}}}, "files[\"/f/\"]: '/f/' is not an absolute path in its shortest form"),
    ({"files": {"/a//f": {"content": ""}}}, "files[\"/a//f\"]: '/a//f' is not an absolute path in its shortest form"),
    ({"files": {"/a\tf": {"content": ""}}}, "files[\"/a\tf\"]: '/a\\tf' is not an absolute path in its shortest form"),
    (with_file(), 'files["/f"]: needs either content or source'),
    (
        with_file(content="", source={"url": "https://one/f", "sha256": SHA}),
        'files["/f"]: needs either content or source',
    ),
    (with_file(content=5), 'files["/f"].content: 5 is not text'),
    (with_file(content="", mode="rw-r--r--"), "files[\"/f\"].mode: 'rw-r--r--' is not octal digits such as 0644"),
    (with_file(content="", mode=644), 'files["/f"].mode: 644 is not octal digits such as 0644'),
    (with_file(content="", mode="0888"), "files[\"/f\"].mode: '0888' is not octal digits such as 0644"),
    (with_file(content="", owner="Root"), "files[\"/f\"].owner: 'Root' is not a user's name or number"),
    (with_file(content="", group=Secret("?")), 'files["/f"].group: this secret is not a group\'s name or number'),
    (with_file(content="", contnt=""), 'files["/f"].contnt: is not a known key; did you mean content?'),
    (with_file(content="", block="yes"), "files[\"/f\"].block: 'yes' is not true or false"),
    (with_file(block=True), 'files["/f"]: needs content: the lines of the block'),
    *(
        (
            with_file(content="", block=True, **{key: value}),
            f'files["/f"].{key}: is not for a block: other programs own the file, only its lines are managed',
        )
        for key, value in (
            ("mode", "0644"),
            ("owner", "root"),
            ("group", "root"),
            ("source", {"url": "", "sha256": ""}),
        )
    ),
    (with_file(source={"sha256": SHA}), 'files["/f"].source.url: is missing: an http, https or file URL'),
    (
        with_file(source={"url": "ftp://one/f", "sha256": SHA}),
        "files[\"/f\"].source.url: 'ftp://one/f' is not an http, https or file URL",
    ),
    (
        with_file(source={"url": "https://one/f", "sha256": "abc"}),
        "files[\"/f\"].source.sha256: 'abc' is not a sha256: 64 digits of 0-9 and a-f",
    ),
    (
        with_file(source={"url": "https://one/f", "sha256": SHA, "extract": "/f"}),
        "files[\"/f\"].source.extract: '/f' is not a member of an archive",
    ),
    (
        {"directories": {"/etc/a.conf": {}}},
        'files["/etc/a.conf"]: is among directories too: a path is either a file or a directory',
    ),
    # directories and units
    ({"directories": {"d": {}}}, "directories[\"d\"]: 'd' is not an absolute path in its shortest form"),
    ({"directories": {"/d": {"mode": "9"}}}, "directories[\"/d\"].mode: '9' is not octal digits such as 0644"),
    ({"units": {"kubelet": {}}}, "units[\"kubelet\"]: 'kubelet' is not a unit's name, such as kubelet.service"),
    (
        {"units": {"foo@.service": {}}},
        "units[\"foo@.service\"]: 'foo@.service' is not a unit's name, such as kubelet.service",
    ),
    ({"units": {"a.service": {"enabled": "yes"}}}, "units[\"a.service\"].enabled: 'yes' is not true or false"),
    (
        {"units": {"a.service": {"masked": True}}},
        'units["a.service"].masked: is not a known key; known: active, enabled, foreignDropIns',
    ),
    # reactions
    ({"reactions": {}}, f"reactions: this map is not a list of maps of {keys(Reaction)}"),
    ({"reactions": ["x"]}, f"reactions[0]: 'x' is not a map of {keys(Reaction)}"),
    (with_reaction(unit="kubelet"), "reactions[0].unit: 'kubelet' is not a unit's name, such as kubelet.service"),
    (with_reaction(action="reboot"), "reactions[0].action: 'reboot' is not one of restart, reload, self-reload"),
    (
        with_reaction(files=[]),
        "reactions[0].files: an empty list is not a list of values, each an absolute path in its shortest form",
    ),
    (
        with_reaction(files="/f"),
        "reactions[0].files: '/f' is not a list of values, each an absolute path in its shortest form",
    ),
    (with_reaction(files=["/absent"]), "reactions[0].files: /absent is not among files"),
    (
        with_reaction(files=["/etc/a.cnf"]),
        "reactions[0].files: /etc/a.cnf is not among files; did you mean /etc/a.conf?",
    ),
    (
        with_reaction(**SELF_RELOAD | {"servedAt": None}),
        "reactions[0].servedAt: is missing: self-reload needs host:port where the certificate is served",
    ),
    (
        with_reaction(**SELF_RELOAD | {"certificate": None}),
        "reactions[0].certificate: is missing: self-reload needs the path of the certificate that is served",
    ),
    (with_reaction(**SELF_RELOAD | {"servedAt": "6443"}), "reactions[0].servedAt: '6443' is not host:port"),
    (with_reaction(**SELF_RELOAD | {"certificate": "/x"}), "reactions[0].certificate: /x is not among files"),
    # readiness, hooks and rollout
    (
        {"readiness": [{"unit": "b.service"}]},
        "readiness[0].unit: b.service is not among units; did you mean a.service?",
    ),
    (
        {"readiness": [{"unit": "a.service", "timeout": 3601}]},
        "readiness[0].timeout: 3601 is not between 1 and 3600 seconds",
    ),
    (
        {"readiness": [{"unit": "a.service", "http": "localhost"}]},
        "readiness[0].http: 'localhost' is not an http or https URL",
    ),
    ({"preStart": [{"unit": "zz.timer", "script": "x"}]}, "preStart[0].unit: zz.timer is not among units"),
    ({"preDelete": [{"unit": "a.service"}]}, "preDelete[0].script: is missing: a shell script"),
    ({"preDelete": [{"unit": "a.service", "script": ""}]}, "preDelete[0].script: '' is not a shell script"),
    (
        {"rollout": []},
        f"rollout: an empty list is not a map of {keys(Rollout)}",
    ),
    ({"rollout": {}}, "rollout.group: is missing: a name"),
    ({"rollout": {"group": "g", "healthCheck": ["x"]}}, "rollout.healthCheck: this list is not a shell command"),
    ({"rollout": {"group": "g", "maxUnavailable": 0}}, "rollout.maxUnavailable: 0 is not a whole number from 1"),
    ({"rollout": {"group": "g", "members": "n1"}}, "rollout.members: 'n1' is not a list of values, each a name"),
    ({"rollout": {"group": "g", "members": [1]}}, "rollout.members: 1 is not a name"),
    # former keys
    ({"prepare": []}, "prepare: was renamed: use preStart"),
    ({"leave": []}, "leave: was renamed: use preDelete"),
    ({"rollout": {"group": "g", "guard": "x"}}, "rollout.guard: was renamed: use healthCheck"),
    ({"rollout": {"group": "g", "atOnce": 1}}, "rollout.atOnce: was renamed: use maxUnavailable"),
    ({"rollout": {"group": "g", "remaining": "x"}}, "rollout.remaining: was renamed: use removalCheck"),
]


@pytest.mark.parametrize(("change", "problem"), REFUSED, ids=[problem for _, problem in REFUSED])
def test_problems_name_key_and_reason(change: dict[str, Any], problem: str) -> None:
    inputs = {**PLAIN, **change}
    if isinstance(change.get("files"), dict):
        inputs["files"] = PLAIN["files"] | change["files"]
    assert [f"{key}: {reason}" for key, reason in problems(inputs)] == [problem]


@pytest.mark.parametrize("inputs", [FULL, BARE], ids=["full", "bare"])
def test_problems_accept_the_wire_form(inputs: Any) -> None:
    assert problems(to_wire(inputs)) == []


def test_problems_accept_unknown_values() -> None:
    for key in to_wire(FULL):
        for unknown in (UNKNOWN, Secret(UNKNOWN)):
            assert problems(to_wire(FULL) | {key: unknown}) == [], key
    nested = {
        "files": {"/f": UNKNOWN, "/g": {"content": Secret(UNKNOWN), "mode": UNKNOWN}, "/h": {"source": UNKNOWN}},
        "units": {"a.service": {"active": UNKNOWN}},
        "reactions": [UNKNOWN, {"unit": UNKNOWN, "action": UNKNOWN, "files": UNKNOWN}],
        "readiness": [{"unit": "a.service", "timeout": UNKNOWN}],
        "connection": {"host": UNKNOWN, "privateKey": Secret(UNKNOWN), "hostKey": UNKNOWN, "port": UNKNOWN},
    }
    assert problems(PLAIN | nested) == []


def test_problems_are_all_reported_at_once() -> None:
    assert len(problems({"node": 1, "files": {"f": {}}, "zz": 1})) == 5
