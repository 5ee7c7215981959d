"""Refuses a NodeState that cannot be, before anything is touched: each failure names its property."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from pulumi.provider.experimental.property_value import PropertyValue, PropertyValueType

from provider.wire import Properties, entries, plain

KNOWN = {
    "": ("node", "connection", "machineId", "directories", "files", "units", "reactions", "readiness"),
    "connection": ("host", "port", "user", "privateKey", "hostKey"),
    "file": ("content", "source", "mode", "owner", "group"),
    "source": ("url", "sha256", "extract"),
    "directory": ("mode", "owner", "group"),
    "unit": ("enabled", "active"),
    "reaction": ("unit", "action", "files", "servedAt", "certificate"),
    "readiness": ("unit", "http", "timeout"),
}
MODE = re.compile(r"0?[0-7]{3,4}")
OWNER = re.compile(r"[a-z_][a-z0-9_-]*|[0-9]+")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|path|mount|target|slice)")
SHA256 = re.compile(r"[0-9a-f]{64}")
ACTIONS = ("restart", "reload", "self-reload")

Failure = tuple[str, str]


def failures(properties: Properties) -> list[Failure]:
    """Every failure as (property, reason). Values that are still unknown are let through."""
    return [
        *_unknown_keys("", properties),
        *_top(properties),
        *(one for path, value in entries(properties.get("files")).items() for one in _file(path, value)),
        *(one for path, value in entries(properties.get("directories")).items() for one in _directory(path, value)),
        *(one for name, value in entries(properties.get("units")).items() for one in _unit(name, value)),
        *_reactions(properties),
        *_readiness(properties),
    ]


def _top(properties: Properties) -> Iterator[Failure]:
    if not isinstance(plain(properties.get("node")), str):
        yield "node", "is missing: the node's name"
    connection = properties.get("connection")
    if connection is None or connection.type == PropertyValueType.COMPUTED:
        if connection is None:
            yield "connection", "is missing: host, privateKey and hostKey"
        return
    members = entries(connection)
    yield from _unknown_keys("connection", members, "connection.")
    for key in ("host", "privateKey", "hostKey"):
        if key not in members:
            yield f"connection.{key}", "is missing"
    port = plain(members.get("port"))
    if port is not None and not (isinstance(port, int | float) and 1 <= port <= 65535):
        yield "connection.port", f"{port} is not a port: 1 to 65535"


def _file(path: str, value: PropertyValue) -> Iterator[Failure]:
    at = f'files["{path}"]'
    members = entries(value)
    yield from _path(at, path)
    yield from _unknown_keys("file", members, f"{at}.")
    yield from _shape(at, members)
    if ("content" in members) == ("source" in members):
        yield at, "needs either content or source"
    source = entries(members.get("source"))
    if "source" in members:
        yield from _unknown_keys("source", source, f"{at}.source.")
        sha256, url = plain(source.get("sha256")), plain(source.get("url"))
        if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
            yield f"{at}.source.sha256", f"{sha256!r} is not a sha256: 64 digits of 0-9 and a-f"
        if not isinstance(url, str) or not re.match(r"https?://|file:///", url):
            yield f"{at}.source.url", f"{url!r} is not an http, https or file URL"


def _directory(path: str, value: PropertyValue) -> Iterator[Failure]:
    at = f'directories["{path}"]'
    yield from _path(at, path)
    yield from _unknown_keys("directory", entries(value), f"{at}.")
    yield from _shape(at, entries(value))


def _unit(name: str, value: PropertyValue) -> Iterator[Failure]:
    at = f'units["{name}"]'
    yield from _unit_name(at, name)
    yield from _unknown_keys("unit", entries(value), f"{at}.")
    for key in ("enabled", "active"):
        if not isinstance(plain(entries(value).get(key)), bool):
            yield f"{at}.{key}", "must be true or false"


def _reactions(properties: Properties) -> Iterator[Failure]:
    files = entries(properties.get("files"))
    for index, one in enumerate(plain(properties.get("reactions")) or []):
        at = f"reactions[{index}]"
        yield from _unknown_keys("reaction", one, f"{at}.")
        yield from _unit_name(f"{at}.unit", str(one.get("unit")))
        if one.get("action") not in ACTIONS:
            yield f"{at}.action", f"{one.get('action')!r} is not one of {', '.join(ACTIONS)}"
        for path in one.get("files") or []:
            if path not in files:
                yield f"{at}.files", f"{path} is not among files"
        if one.get("action") == "self-reload" and not (one.get("servedAt") and one.get("certificate")):
            yield at, "self-reload needs servedAt (host:port) and certificate (a file)"


def _readiness(properties: Properties) -> Iterator[Failure]:
    for index, one in enumerate(plain(properties.get("readiness")) or []):
        at = f"readiness[{index}]"
        yield from _unknown_keys("readiness", one, f"{at}.")
        yield from _unit_name(f"{at}.unit", str(one.get("unit")))
        timeout = one.get("timeout")
        if timeout is not None and not 1 <= timeout <= 3600:
            yield f"{at}.timeout", f"{timeout} is not between 1 and 3600 seconds"


def _path(at: str, path: str) -> Iterator[Failure]:
    bad = "\n" in path or "\t" in path or "//" in path or path.endswith("/")
    if not path.startswith("/") or bad or {".", ".."} & set(path.split("/")):
        yield at, "is not an absolute path in its shortest form"


def _shape(at: str, members: dict[str, PropertyValue]) -> Iterator[Failure]:
    for key, pattern, form in (
        ("mode", MODE, "octal digits such as 0644"),
        ("owner", OWNER, "a user's name or number"),
        ("group", OWNER, "a group's name or number"),
    ):
        value = plain(members.get(key))
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield f"{at}.{key}", f"{value!r} is not {form}"


def _unit_name(at: str, name: str) -> Iterator[Failure]:
    if not UNIT.fullmatch(name):
        yield at, f"{name!r} is not a unit's name, such as kubelet.service"


def _unknown_keys(kind: str, members: Properties | dict[str, object], prefix: str = "") -> Iterator[Failure]:
    for key in members:
        if key not in KNOWN[kind] and not key.startswith("__"):
            near = difflib.get_close_matches(key, KNOWN[kind], n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KNOWN[kind])}"
            yield f"{prefix}{key}", f"is not a known key; {hint}"
