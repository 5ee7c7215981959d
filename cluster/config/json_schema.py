"""The JSON Schema of stack files, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_origin

from cluster.config import kubelet_schema
from cluster.config.addresses import Host, IPAddress, IPNetwork
from cluster.config.declare import Key, is_section, keys
from cluster.config.kinds import element_type, entry_type, options, without_none
from cluster.config.kubelet_base import OWNED
from cluster.config.model import KubernetesKeys, Taint
from cluster.config.tree import INHERITED, NARROWER, RECORDS, REQUIRED, SECTIONS, TOP
from nodestate import Secret, Text

TYPES: dict[Any, str] = {
    **{bool: "boolean", int: "integer", str: "string", Path: "path", Taint: "taint", Secret: "secret"},
    **{
        IPAddress: "IPv4 address",
        IPNetwork: "IPv4 network",
        Host: "DNS name or IPv4 address",
        Text: "string or secret",
    },
}
"""The names of the types in the reference."""

SECRET = {
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
KUBELET = {"$ref": "#/definitions/KubeletConfiguration"}
PLAIN: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "duration": {"type": "string"},
    "duration or nanoseconds": {"type": ["string", "integer"]},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "quantity": {"type": ["string", "integer"]},
    "taint": {"type": "object"},
    "text": {"type": "string"},
}


def schema() -> dict[str, Any]:
    """The JSON Schema of a stack file."""
    sections = {top: _top(top) for top in TOP}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of a Plumbline stack",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"plumbline:{top}": one for top, one in sections.items()},
                "required": [f"plumbline:{top}" for top in REQUIRED],
            }
        },
        "required": ["config"],
        "definitions": {**_kubelet(), **{wider: _narrower(wider) for wider in NARROWER.values()}},
    }


def _top(top: str) -> dict[str, Any]:
    if top == "kubelet":
        return {"description": TOP[top], **KUBELET}
    if top in RECORDS:
        records = _object(f"{top}.<name>", SECTIONS[f"{top}.<name>"])
        least = {"minProperties": 1} if top in REQUIRED else {}
        return {"type": "object", "description": TOP[top], "additionalProperties": records, **least}
    return _object(top, SECTIONS[top])


def _object(path: str, section: type) -> dict[str, Any]:
    properties = {key.name: _property(f"{path}.{key.name}", key) for key in keys(section)}
    for below, other in SECTIONS.items():
        if below.rpartition(".")[0] == path:
            properties[below.rpartition(".")[2]] = _object(below, other)
    for below, wider in NARROWER.items():
        *parents, name = below.split(".")
        if ".".join(parents) == path:
            properties[name] = {"$ref": f"#/definitions/{wider}"}
        elif ".".join(parents[:-1]) == path:
            properties[parents[-1]] = {"type": "object", "additionalProperties": {"$ref": f"#/definitions/{wider}"}}
    found: dict[str, Any] = {
        "type": "object",
        "description": introduction(section),
        "properties": properties,
        "additionalProperties": False,
    }
    required = [key.name for key in keys(section) if key.required and not is_section(key.type)]
    return found | ({"required": required} if required else {})


def _narrower(wider: str) -> dict[str, Any]:
    """The keys of a section without the sections below it."""
    section = SECTIONS[wider]
    properties = {key.name: _property(f"{wider}.{key.name}", key) for key in keys(section)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(path: str, key: Key) -> dict[str, Any]:
    kind, element = without_none(key.type), element_type(key.type)
    if is_section(kind):
        return _object(path, kind)
    if (entry := entry_type(kind)) is not None:
        each = {"anyOf": [_object(f"{path}.<name>", entry), {"type": "null"}]}
        if get_origin(kind) is tuple:
            return {"description": key.doc, "type": "array", "items": _object(f"{path}[]", entry)}
        return {"description": key.doc, "type": "object", "additionalProperties": each}
    if kind == Text:
        return {"description": key.doc, "anyOf": [{"type": "string"}, SECRET]}
    if key.name == "kubelet":
        return {"description": key.doc, **KUBELET}
    found: dict[str, Any] = {"description": key.doc}
    if choices := options(key, kind):
        found |= {"type": "string", "enum": list(choices)}
    elif kind in (bool, int):
        found["type"] = TYPES[kind]
    elif is_section(element):
        found |= {"type": "array", "items": _object(f"{path}[]", element)}
    elif element is not None:
        found |= {"type": "array", "items": {"type": "string"}}
    elif kind is Secret:
        found |= {"type": "object", "required": ["secure"], "properties": {"secure": {"type": "string"}}}
    elif kind in TYPES:
        found["type"] = "string"
    else:
        found["type"] = "object"
    if key.least is not None:
        found |= {"minimum": key.least, "maximum": key.most}
    if key.check is not None and key.check.pattern:
        found["pattern"] = f"^({key.check.pattern})$"
    if isinstance(key.default, bool | int | str) and key.default != "" and path.rpartition(".")[0] not in INHERITED:
        found["default"] = key.default
    if key.example and found["type"] == "string":
        found["examples"] = [key.example]
    return found


def introduction(section: type) -> str:
    """A section's docstring as one line."""
    return " ".join((section.__doc__ or "").split())


def _kubelet() -> dict[str, Any]:
    """The objects of a KubeletConfiguration, without the keys that the program sets. null leaves a key to its default."""
    known = kubelet_schema.load(next(key.default for key in keys(KubernetesKeys) if key.name == "version"))

    def of(kind: str) -> dict[str, Any]:
        if kind in known.types:
            return {"$ref": f"#/definitions/{kind}"}
        if kind in known.enums:
            return {"enum": list(known.enums[kind])}
        if kind.startswith("list of "):
            return {"type": "array", "items": of(kind.removeprefix("list of "))}
        if kind.startswith("map of "):
            return {"type": "object", "additionalProperties": of(kind.removeprefix("map of "))}
        return PLAIN[kind]

    return {
        name: {
            "type": "object",
            "properties": {
                key: {"anyOf": [of(kind), {"type": "null"}]}
                for key, kind in fields.items()
                if name != kubelet_schema.ROOT or key not in OWNED
            },
            "additionalProperties": False,
        }
        for name, fields in known.types.items()
    }
