"""Reduces a recorded event log to a small fixture: `python -m tests.tools.event_log RECORDED FIXTURE`.

Record with `PULUMI_DEBUG_COMMANDS=true pulumi preview --event-log RECORDED`. Keys are removed and certificates cut short;
nothing is added or renamed. Connections, configuration and debug lines are dropped: they name machines and accounts.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodestate.vocabulary import NODE_REGISTRATION, NODE_STATE, OBJECT, OBJECT_SET, PACKAGE, ROWS
from report.build import CERTIFICATES
from report.events import PHASES
from report.node import MEMBER, SECTIONS

KEPT = ("node", "units")
ROLLOUT = ("group", "members", "maxUnavailable", "canaries")
UNREAD = ("url", "command")
"""Keys of files and probes that no report reads."""

PEM = re.compile(r"(-----BEGIN [A-Z ]+-----\n.{8}).*?(\n-----END)", re.DOTALL)


def reduce(text: str) -> str:
    """The log with the parts that a report reads."""
    events = (reduced(json.loads(line)) for line in text.splitlines() if line.strip())
    return "".join(json.dumps(one, separators=(",", ":"), ensure_ascii=False) + "\n" for one in events if one)


def reduced(event: dict[str, Any]) -> dict[str, Any] | None:
    """One event without the parts that no report reads; None if it reads none."""
    if "diagnosticEvent" in event:
        told = event["diagnosticEvent"]
        return None if told.get("severity") == "debug" or told.get("ephemeral") else event
    if "summaryEvent" in event:
        return event
    if "preludeEvent" in event:
        return {**event, "preludeEvent": {"config": {}}}
    kind = next((one for one in PHASES if one in event), "")
    if not kind:
        return None
    metadata = event[kind]["metadata"]
    quiet = metadata["op"] in ("same", "refresh", "read")
    refresh = metadata["op"] == "refresh"
    if quiet and kind == "resOutputsEvent" and not (refresh and metadata.get("detailedDiff")):
        return None
    if metadata["type"].startswith("pulumi:") or (refresh and metadata["type"] != NODE_STATE):
        return None
    if quiet and metadata["type"] not in (NODE_STATE, NODE_REGISTRATION, *CERTIFICATES):
        metadata["old"] = metadata["new"] = None
    done = kind == "resOutputsEvent"
    if done and metadata["type"] != NODE_STATE:
        return None
    if (quiet or done) and metadata["type"] == NODE_STATE:
        metadata["old" if metadata["new"] else "new"] = None
    whole = metadata["op"] in ("create", "create-replacement", "delete", "delete-replaced")
    members = [match.groups() for one in metadata.get("detailedDiff") or {} if (match := MEMBER.match(one))]
    for side in ("old", "new"):
        if metadata.get(side) is not None:
            metadata[side] = _state(metadata[side], metadata["type"], members, quiet or done, whole)
    metadata["provider"] = ""
    return event


def _state(
    state: Mapping[str, Any], kind: str, members: list[tuple[str, ...]], quiet: bool, whole: bool
) -> dict[str, Any]:
    inputs, outputs = state.get("inputs") or {}, state.get("outputs") or {}
    kept = {"parent": state.get("parent", "")} if not quiet else {}
    if kind in CERTIFICATES:
        return {**kept, "inputs": {}, "outputs": {key: outputs[key] for key in ("validityEndTime",) if key in outputs}}
    if kind == NODE_STATE:
        if quiet:
            return {**kept, "inputs": {"node": inputs.get("node")}, "outputs": {}}
        return {
            **kept,
            "inputs": _node_state(inputs, members, whole),
            "outputs": {} if whole else _node_state(outputs, members, whole),
        }
    if kind == NODE_REGISTRATION:
        return {**kept, "inputs": {"node": inputs.get("node")}, "outputs": {}}
    if kind == OBJECT_SET:
        names: dict[str, Any] = {key: {} for key in inputs.get("objects") or {}} if whole else {}
        return {**kept, "inputs": {"name": inputs.get("name"), "objects": names}, "outputs": {}}
    if kind.removeprefix(f"{PACKAGE}:") in (*ROWS, OBJECT):
        return {**kept, "inputs": inputs, "outputs": {}}
    return {**kept, "inputs": {}, "outputs": {}}


def _node_state(values: Mapping[str, Any], members: list[tuple[str, ...]], whole: bool) -> dict[str, Any]:
    found = {key: values[key] for key in KEPT if key in values}
    if isinstance(rollout := values.get("rollout"), Mapping):
        found["rollout"] = {key: rollout[key] for key in ROLLOUT if key in rollout}
    for section in SECTIONS:
        named = {name.replace('\\"', '"') for one, name in members if one == section}
        entries = values.get(section) or {}
        if whole:
            # A creation's contents are not read: the names are.
            found[section] = {name: _without_content(one) for name, one in entries.items()}
        else:
            found[section] = found.get(section, {}) | {name: _cut(entries[name]) for name in entries if name in named}
    return found


def _without_content(one: Any) -> Any:
    if isinstance(one, Mapping):
        return {key: "" if key == "content" and isinstance(value, str) else value for key, value in _cut(one).items()}
    return one


def _cut(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _cut(one) for key, one in value.items() if key not in UNREAD}
    return PEM.sub(r"\1\2", value) if isinstance(value, str) else value


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(reduce(source.read_text()))
