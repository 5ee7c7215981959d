"""Manifests in YAML or JSON as plain data, read as Kubernetes reads them; what the API itself writes is left out."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from nodestate import Secret

Manifest = dict[str, Any]
WRITTEN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
"""Metadata that the API server writes."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class BadManifest(ValueError):
    """A text that is not a manifest. `place` names the document; the message has no value of it, which may be secret."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}" if place else text)


@dataclass(frozen=True)
class Found:
    """A manifest, and its place in its file: `document 2, item 3`."""

    place: str
    manifest: Manifest


class _Loader(yaml.SafeLoader):
    """YAML 1.2's types: `on` and dates are text, as Kubernetes reads them. A repeated key is an error."""

    yaml_implicit_resolvers = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for one, _ in node.value:
            if isinstance(one, yaml.ScalarNode) and one.tag != "tag:yaml.org,2002:merge":
                if one.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {one.value} is there twice", problem_mark=one.start_mark
                    )
                seen.add(one.value)
        return super().construct_mapping(node, deep)


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    digits = text.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 8 if digits.startswith("0") and len(digits) > 1 else 10)
    return int(text.replace("0o", "", 1) if digits[:2] == "0o" else text, base)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|0[0-7_]*|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)


def documents(text: str) -> list[Found]:
    """All manifests of a file; the items of a List instead of the List. Raises BadManifest."""
    found = []
    for number, document in enumerate(_parsed(text), 1):
        if document is not None:
            found += list(_flat(document, f"document {number}"))
    return found


def _parsed(text: str) -> list[Any]:
    if text.lstrip().startswith("{"):
        try:
            return [json.loads(text)]
        except ValueError:
            pass  # YAML in flow style begins in the same way
    try:
        return list(yaml.load_all(text, _Loader))
    except yaml.MarkedYAMLError as error:
        # Not the error's own text, which quotes the file.
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise BadManifest("", f"is not YAML{line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        reason = f": {error.reason}" if isinstance(error, yaml.reader.ReaderError) else ""
        raise BadManifest("", f"is not YAML{reason}") from None
    except RecursionError:
        raise BadManifest("", "is not YAML that can be read: it is nested too deeply") from None


def _flat(document: Any, place: str) -> Iterator[Found]:
    if not isinstance(document, Mapping):
        raise BadManifest(place, "is not an object: it has no kind, apiVersion and metadata.name")
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        for number, one in enumerate(items, 1):
            yield from _flat(one, f"{place}, item {number}")
        return
    try:
        plain = _plain(document)
    except RecursionError:
        raise BadManifest(place, "contains itself through an alias") from None
    except TypeError as error:
        raise BadManifest(place, str(error)) from None
    yield Found(place, _manifest(plain, place))


def _plain(value: Any) -> Any:
    """The value as JSON has it, without null."""
    if isinstance(value, Mapping):
        return {_key(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError("has a number that JSON does not have")
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"has a value of the YAML type {type(value).__name__}, which JSON does not have")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, str | int):
        return str(key)
    raise TypeError("has a key that is not text")


def _manifest(given: Manifest, place: str) -> Manifest:
    """A manifest as it is applied. Raises BadManifest."""
    for key in ("kind", "apiVersion"):
        if not (isinstance(given.get(key), str) and given[key]):
            raise BadManifest(place, f"has no {key}")
    metadata = given.get("metadata")
    if not isinstance(metadata, dict):
        raise BadManifest(place, f"({given['kind']}) has no metadata.name")
    if "generateName" in metadata and "name" not in metadata:
        raise BadManifest(
            place,
            f"({given['kind']}) has metadata.generateName: give it a metadata.name, each run would make another object",
        )
    if not (isinstance(metadata.get("name"), str) and metadata["name"]):
        raise BadManifest(place, f"({given['kind']}) has no metadata.name that is text")
    if not isinstance(metadata.get("namespace", ""), str):
        raise BadManifest(place, f"({given['kind']} {metadata['name']}) has a metadata.namespace that is not text")
    kept = {key: one for key, one in metadata.items() if key not in (*WRITTEN, "generateName")}
    if isinstance(notes := kept.get("annotations"), dict):
        kept["annotations"] = {key: one for key, one in notes.items() if key != LAST_APPLIED}
    found = {**{key: one for key, one in given.items() if key != "status"}, "metadata": kept}
    if (given["kind"], given["apiVersion"]) == ("Secret", "v1"):
        return _secret(found, place)
    return found


def _secret(found: Manifest, place: str) -> Manifest:
    """A Secret with its stringData among its data, as the API server stores it. All of it is secret."""
    whole = f"({found['kind']} {found['metadata']['name']})"
    data: dict[str, Secret] = {}
    for key in ("data", "stringData"):
        given = found.pop(key, {})
        if not (isinstance(given, dict) and all(isinstance(one, str) for one in given.values())):
            raise BadManifest(place, f"{whole} has a {key} that is not texts by key: put numbers in quotes")
        for name, text in given.items():
            try:
                raw = base64.b64decode("".join(text.split()), validate=True) if key == "data" else text.encode()
            except (binascii.Error, ValueError):
                raise BadManifest(
                    place, f"{whole} has no base64 in data.{name}: use stringData for plain text"
                ) from None
            data[name] = Secret(base64.b64encode(raw).decode())
    return {**found, "data": data} if data else found
