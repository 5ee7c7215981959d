"""Field managers: which fields of a live object are this program's, and which were taken by others.

`metadata.managedFields` has, for each manager, a set of fields in the format FieldsV1: maps whose keys are `f:<field>`,
`k:<JSON of an item's keys>`, `v:<JSON of a value>` and `.` for the item itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MANAGER = "plumbline"
"""This program's field manager."""

BY_HAND = re.compile(r"kubectl(-.*)?|before-first-apply")
"""Managers of changes by hand: such a change is drift, and is repaired. A field that any other manager took is left to it."""

_CAUSE = re.compile(r'conflict with "(?P<manager>.+?)"(?: with subresource ".*?")?(?: using (?P<version>\S+))?')


@dataclass(frozen=True)
class Conflict:
    """A field that another manager has, with another value. `path` is the API server's own notation."""

    path: str
    manager: str

    @property
    def by_hand(self) -> bool:
        """Whether a person changed it with kubectl."""
        return BY_HAND.fullmatch(self.manager) is not None

    def __str__(self) -> str:
        return f"{self.path.removeprefix('.')} was taken by {self.manager}"


def conflicts(status: Mapping[str, Any]) -> list[Conflict]:
    """The conflicts that a refused apply tells of, in the Status object of the API server."""
    causes = (status.get("details") or {}).get("causes") or []
    found = []
    for cause in causes:
        match = _CAUSE.search(str(cause.get("message", "")))
        if cause.get("reason") == "FieldManagerConflict" and match:
            found.append(Conflict(str(cause.get("field", "")), match["manager"]))
    return found


def owned(live: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields that this program has applied, in the format FieldsV1. None if it has none."""
    for entry in live.get("metadata", {}).get("managedFields") or []:
        if (entry.get("manager"), entry.get("operation")) == (MANAGER, "Apply") and not entry.get("subresource"):
            fields: dict[str, Any] = entry.get("fieldsV1") or {}
            return fields
    return None


def project(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of a live value that a set of fields covers."""
    below = {key: one for key, one in fields.items() if key != "."}
    if not below:
        return value
    if isinstance(value, Mapping):
        names = {key.removeprefix("f:"): one for key, one in below.items() if key.startswith("f:")}
        return {name: project(value[name], one) for name, one in names.items() if name in value}
    if isinstance(value, list):
        keys = [(json.loads(key[2:]), one) for key, one in below.items() if key.startswith("k:")]
        members = [json.loads(key[2:]) for key in below if key.startswith("v:")]
        return [*_items(value, keys), *[one for one in value if one in members]]
    return value


def _items(value: list[Any], keys: list[tuple[dict[str, Any], Any]]) -> list[Any]:
    found = []
    for item in value:
        for key, fields in keys:
            # A key that is absent has its default, such as the protocol TCP of a port.
            if isinstance(item, Mapping) and all(item.get(name, wanted) == wanted for name, wanted in key.items()):
                found.append(project(item, fields))
                break
    return found


def live_part(live: Mapping[str, Any]) -> dict[str, Any] | None:
    """The object with this program's fields only, as a manifest. None if it has none."""
    fields = owned(live)
    if fields is None:
        return None
    part: dict[str, Any] = project({key: one for key, one in live.items() if key != "metadata"}, fields)
    metadata = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
    if "f:metadata" in fields:
        metadata |= project(live["metadata"], fields["f:metadata"])
    rest = {key: one for key, one in part.items() if key not in ("apiVersion", "kind", "metadata")}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, **rest}


def without(manifest: dict[str, Any], path: str) -> dict[str, Any]:
    """The manifest without one field, in the API server's notation: `.spec.containers[name="a"].image`.

    Raises ValueError if the manifest has no such field.
    """
    removed: dict[str, Any] = _removed(manifest, path, path)
    return removed


def _removed(value: Any, rest: str, path: str) -> Any:
    if isinstance(value, Mapping) and rest.startswith("."):
        # A name may have dots itself: the longest that fits is meant.
        for name in sorted(value, key=len, reverse=True):
            after = rest[1 + len(name) :]
            if rest[1:].startswith(name) and after[:1] in ("", ".", "["):
                if not after:
                    return {key: one for key, one in value.items() if key != name}
                return {**value, name: _removed(value[name], after, path)}
    if isinstance(value, list) and (match := re.match(r"\[([^\]]*)\]", rest)):
        after = rest[match.end() :]
        for number, item in enumerate(value):
            if _is(item, number, match[1]):
                changed = [] if not after else [_removed(item, after, path)]
                return [*value[:number], *changed, *value[number + 1 :]]
    raise ValueError(path)


def _is(item: Any, number: int, key: str) -> bool:
    if key.isdigit():
        return number == int(key)
    if key.startswith("="):
        return bool(item == json.loads(key[1:]))
    pairs = [pair.partition("=") for pair in key.split(",")]
    return isinstance(item, Mapping) and all(
        item.get(name, json.loads(text)) == json.loads(text) for name, _, text in pairs
    )
