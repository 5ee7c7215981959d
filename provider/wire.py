"""Between Pulumi's property values and the model. Secrets stay marked; unknown texts become None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue, PropertyValueType

from provider.model import (
    Command,
    Connection,
    Content,
    Directory,
    File,
    Installed,
    Reaction,
    Readiness,
    Rollout,
    Source,
    State,
    Unit,
)

Properties = Mapping[str, PropertyValue]
STAND_IN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
STAND_INS = frozenset(
    {
        STAND_IN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How a value that is not known yet is written on the wire, by its kind (the first for a text): the Unknown*Value
constants of Pulumi's sdk/go/common/resource/plugin. The Python SDK neither reads nor writes them."""

UNKNOWN = "unknown"
"""Stands for an attribute that is not known before the run: it differs from every known one."""


def received(properties: Properties) -> dict[str, PropertyValue]:
    """What the engine sent, with its stand-ins for unknown values read as such: the SDK leaves them as texts."""
    return {key: _received(value) for key, value in properties.items()}


def _received(value: PropertyValue) -> PropertyValue:
    inner: Any = value.value
    if isinstance(inner, str):
        known = inner not in STAND_INS
        return value if known else PropertyValue(PropertyValue.computed().value, value.is_secret, value.dependencies)
    if isinstance(inner, Mapping):
        return PropertyValue(received(inner), value.is_secret, value.dependencies)
    if value.type == PropertyValueType.ARRAY:
        return PropertyValue([_received(one) for one in inner], value.is_secret, value.dependencies)
    return value


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


def unknown(value: PropertyValue | None) -> bool:
    """Whether the value itself is not known yet (what is inside it may be)."""
    return value is not None and value.type == PropertyValueType.COMPUTED


def partly_unknown(value: PropertyValue | None) -> bool:
    """Whether the value, or anything inside it, is not known yet."""
    return unknown(value) or any(partly_unknown(one) for one in (*entries(value).values(), *items(value)))


def entries(value: PropertyValue | None) -> dict[str, PropertyValue]:
    """The members of a map, empty for anything else. A member of a secret map is a secret."""
    inner: Any = value.value if value is not None else None
    if value is None or not isinstance(inner, Mapping):
        return {}
    if not value.is_secret:
        return dict(inner)
    return {key: PropertyValue(one.value, is_secret=True) for key, one in inner.items()}


def items(value: PropertyValue | None) -> list[PropertyValue]:
    """The members of a list, empty for anything else."""
    inner: Any = value.value if value is not None and value.type == PropertyValueType.ARRAY else ()
    return list(inner)


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
    directories = plain(properties.get("directories")) or {}
    units = plain(properties.get("units")) or {}
    return State(
        node=str(plain(properties.get("node"))),
        machine_id=plain(properties.get("machineId")),
        files={path: _file(value) for path, value in entries(properties.get("files")).items()},
        directories={path: Directory(*_shape(one or {})) for path, one in directories.items()},
        units={
            name: Unit(bool(one.get("enabled")), bool(one.get("active")), bool(one.get("masked")))
            for name, one in units.items()
            if one is not None
        },
        reactions=tuple(
            Reaction(
                str(one.get("unit")),
                str(one.get("action")),
                tuple(one.get("files") or ()),
                one.get("servedAt"),
                one.get("certificate"),
            )
            for one in reactions
            if one is not None
        ),
        readiness=tuple(
            Readiness(str(one.get("unit")), one.get("http"), int(one.get("timeout") or 120))
            for one in readiness
            if one is not None
        ),
        pending=tuple(plain(properties.get("pending")) or ()),
        rollout=_rollout(plain(properties.get("rollout"))),
        prepare=_commands(plain(properties.get("prepare"))),
        leave=_commands(plain(properties.get("leave"))),
    )


def _commands(found: Iterable[Mapping[str, Any]] | None) -> tuple[Command, ...]:
    return tuple(Command(str(one.get("unit")), str(one.get("script"))) for one in found or () if one is not None)


def _rollout(found: Mapping[str, Any] | None) -> Rollout | None:
    if not found:
        return None
    return Rollout(
        str(found.get("group")),
        found.get("guard"),
        int(found.get("atOnce") or 1),
        tuple(found.get("members") or ()),
        found.get("remaining"),
    )


def mode(text: str) -> str:
    """Octal digits as `stat` prints them: four of them."""
    return text.lstrip("0").rjust(4, "0")


def _shape(members: Mapping[str, Any]) -> tuple[str, str, str]:
    found = members.get("mode")
    return (
        mode(found) if isinstance(found, str) else UNKNOWN,
        str(members.get("owner") or UNKNOWN),
        str(members.get("group") or UNKNOWN),
    )


def _file(value: PropertyValue) -> File:
    members = entries(value)
    source = plain(members.get("source"))
    content = None
    if "content" in members:
        held = members["content"]
        content = Content(plain(held), secret=held.is_secret)
    elif unknown(value):
        content = Content(None, secret=value.is_secret)
    if plain(members.get("block")) is True:
        return File(content, None, "", "", "", block=True)
    return File(
        content,
        Source(str(source.get("url")), str(source.get("sha256")), source.get("extract")) if source else None,
        *_shape({key: plain(members.get(key)) for key in ("mode", "owner", "group")}),
    )


def installed(properties: Properties) -> dict[str, Installed]:
    """What outputs hold of the downloads, by path."""
    found: dict[str, Installed] = {}
    for path, one in (plain(properties.get("installed")) or {}).items():
        if isinstance(one, Mapping):
            source = Source(one.get("url", ""), one.get("source", ""), one.get("extract"))
            found[path] = Installed(source, one.get("sha256", ""), one.get("stamp", ""))
    return found


def installed_value(downloads: Mapping[str, Installed]) -> PropertyValue:
    """The same as an output."""
    return PropertyValue(
        {
            path: _strings(
                source=one.source.sha256,
                **({"extract": one.source.extract} if one.source.extract else {}),
                sha256=one.sha256,
                stamp=one.stamp,
            )
            for path, one in downloads.items()
        }
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
        properties["pending"] = PropertyValue([PropertyValue(one) for one in found.pending])
    else:
        properties.pop("pending", None)
    return properties


def _file_value(file: File) -> PropertyValue:
    shape = {"block": PropertyValue(True)} if file.block else None
    members = shape or entries(_strings(mode=file.mode, owner=file.owner, group=file.group))
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
