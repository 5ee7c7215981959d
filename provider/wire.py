"""Between Pulumi's property values and the model. Secrets stay marked; unknown texts become None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue, PropertyValueType

from provider.model import Connection, Content, Directory, File, Reaction, Readiness, Source, State, Unit

Properties = Mapping[str, PropertyValue]


def plain(value: PropertyValue | None) -> Any:
    """The value without marks; unknown parts become None."""
    if value is None or value.type in (PropertyValueType.COMPUTED, PropertyValueType.NULL):
        return None
    inner: Any = value.value
    if isinstance(inner, Mapping):
        return {key: plain(one) for key, one in inner.items()}
    if value.type == PropertyValueType.ARRAY:
        return [plain(one) for one in inner]
    return inner


def entries(value: PropertyValue | None) -> dict[str, PropertyValue]:
    """The members of a map, empty for anything else."""
    inner: Any = value.value if value is not None else None
    return dict(inner) if isinstance(inner, Mapping) else {}


def connection(properties: Properties) -> Connection:
    """How the node is reached."""
    found = plain(properties.get("connection")) or {}
    return Connection(
        host=str(found.get("host")),
        port=int(found.get("port") or 22),
        user=str(found.get("user") or "root"),
        private_key=str(found.get("privateKey") or ""),
        host_key=str(found.get("hostKey") or ""),
    )


def state(properties: Properties) -> State:
    """The state that inputs ask for, or that outputs hold."""
    reactions = plain(properties.get("reactions")) or []
    readiness = plain(properties.get("readiness")) or []
    return State(
        node=str(plain(properties.get("node"))),
        machine_id=plain(properties.get("machineId")),
        files={path: _file(value) for path, value in entries(properties.get("files")).items()},
        directories={
            path: Directory(str(one["mode"]), str(one["owner"]), str(one["group"]))
            for path, one in (plain(properties.get("directories")) or {}).items()
        },
        units={
            name: Unit(bool(one["enabled"]), bool(one["active"]), bool(one.get("masked")))
            for name, one in (plain(properties.get("units")) or {}).items()
        },
        reactions=tuple(
            Reaction(one["unit"], one["action"], tuple(one["files"]), one.get("servedAt"), one.get("certificate"))
            for one in reactions
        ),
        readiness=tuple(Readiness(one["unit"], one.get("http"), int(one.get("timeout") or 120)) for one in readiness),
        pending=tuple(plain(properties.get("pending")) or ()),
    )


def _file(value: PropertyValue) -> File:
    members = entries(value)
    source = plain(members.get("source"))
    content = None
    if "content" in members:
        held = members["content"]
        content = Content(plain(held), secret=bool(held.is_secret or value.is_secret))
    return File(
        content=content,
        source=Source(source["url"], source["sha256"], source.get("extract")) if source else None,
        mode=str(plain(members.get("mode"))),
        owner=str(plain(members.get("owner"))),
        group=str(plain(members.get("group"))),
    )


def observed(inputs: Properties, found: State) -> dict[str, PropertyValue]:
    """The outputs after a read: the inputs' shape with what stands on the node. Secret texts stay secret."""
    properties = dict(inputs)
    properties["files"] = PropertyValue({path: _file_value(file) for path, file in found.files.items()})
    properties["directories"] = PropertyValue(
        {path: _strings(mode=one.mode, owner=one.owner, group=one.group) for path, one in found.directories.items()}
    )
    properties["units"] = PropertyValue({name: _unit_value(unit) for name, unit in found.units.items()})
    if found.pending:
        properties["pending"] = PropertyValue([PropertyValue(unit) for unit in found.pending])
    else:
        properties.pop("pending", None)
    return properties


def _file_value(file: File) -> PropertyValue:
    members = dict(_entries_of(_strings(mode=file.mode, owner=file.owner, group=file.group)))
    if file.content is not None:
        members["content"] = PropertyValue(file.content.text, is_secret=file.content.secret)
    if file.source is not None:
        source = {"url": file.source.url, "sha256": file.source.sha256}
        if file.source.extract is not None:
            source["extract"] = file.source.extract
        members["source"] = _strings(**source)
    return PropertyValue(members)


def _unit_value(unit: Unit) -> PropertyValue:
    members = {"enabled": PropertyValue(unit.enabled), "active": PropertyValue(unit.active)}
    if unit.masked:
        members["masked"] = PropertyValue(True)
    return PropertyValue(members)


def _strings(**values: str) -> PropertyValue:
    return PropertyValue({key: PropertyValue(value) for key, value in values.items()})


def _entries_of(value: PropertyValue) -> dict[str, PropertyValue]:
    return entries(value)
