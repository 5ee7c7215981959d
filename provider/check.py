"""Refuses a NodeState that cannot be, before anything is touched: each failure names its property."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue, PropertyValueType

from provider.wire import Properties, entries, items, partly_unknown, plain, unknown

KNOWN = {
    "": (
        "node",
        "connection",
        "machineId",
        "directories",
        "files",
        "units",
        "reactions",
        "readiness",
        "rollout",
        "prepare",
        "leave",
    ),
    "connection": ("host", "port", "user", "privateKey", "hostKey"),
    "file": ("content", "source", "mode", "owner", "group", "block"),
    "source": ("url", "sha256", "extract"),
    "directory": ("mode", "owner", "group"),
    "unit": ("enabled", "active"),
    "reaction": ("unit", "action", "files", "servedAt", "certificate"),
    "readiness": ("unit", "http", "timeout"),
    "command": ("unit", "script"),
    "rollout": ("group", "guard", "atOnce", "members", "remaining"),
}
MODE = re.compile(r"0?[0-7]{3}|[0-7]{4}")
OWNER = re.compile(r"[a-z_][a-z0-9_-]*|[0-9]+")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|path|mount|target|slice)")
SHA256 = re.compile(r"[0-9a-f]{64}")
URL = re.compile(r"(https?://|file:///)\S+")
SERVED_AT = re.compile(r"\S+:[0-9]{1,5}")
HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-\S+|ssh-rsa|rsa-sha2-\S+) [A-Za-z0-9+/=]+( .*)?")
LISTS = ("reactions", "readiness", "prepare", "leave")
ACTIONS = ("restart", "reload", "self-reload")

Failure = tuple[str, str]


def failures(properties: Properties) -> list[Failure]:
    """Every failure as (property, reason). Values that are still unknown are let through. No secret is in a reason."""
    files, directories = entries(properties.get("files")), entries(properties.get("directories"))
    return [
        *_unknown_keys("", properties),
        *_containers(properties),
        *_top(properties),
        *_each("files", files, _file),
        *_each("directories", directories, _directory),
        *((f'files["{path}"]', "is among directories too") for path in sorted(files.keys() & directories.keys())),
        *_each("units", entries(properties.get("units")), _unit),
        *_reactions(properties),
        *_readiness(properties),
        *_rollout(properties),
        *_commands(properties),
    ]


def _each(
    section: str, members: Properties, check: Callable[[str, str, dict[str, PropertyValue]], Iterator[Failure]]
) -> Iterator[Failure]:
    """Checks the members of a map that are known; each must be a map itself."""
    for name, value in members.items():
        at = f'{section}["{name}"]'
        if section != "units":
            yield from _path(at, name)
        if unknown(value):
            continue
        if value.type != PropertyValueType.MAP:
            yield at, f"is not a map of {', '.join(KNOWN[_SINGULAR[section]])}"
            continue
        yield from _unknown_keys(_SINGULAR[section], entries(value), f"{at}.")
        yield from check(at, name, entries(value))


_SINGULAR = {"files": "file", "directories": "directory", "units": "unit"}


def _containers(properties: Properties) -> Iterator[Failure]:
    for keys, kind, name in (
        (("connection", "files", "directories", "units", "rollout"), PropertyValueType.MAP, "map"),
        (LISTS, PropertyValueType.ARRAY, "list"),
    ):
        for key in keys:
            value = properties.get(key)
            if value is not None and value.type not in (kind, PropertyValueType.NULL, PropertyValueType.COMPUTED):
                yield key, f"is not a {name}"
    for key in LISTS:
        for index, value in enumerate(items(properties.get(key))):
            if value.type not in (PropertyValueType.MAP, PropertyValueType.COMPUTED):
                yield f"{key}[{index}]", "is not a map"


def _top(properties: Properties) -> Iterator[Failure]:
    for key, meaning in (
        ("node", "the node's name"),
        ("machineId", "what changes when it becomes another machine"),
        ("connection", "host, privateKey and hostKey"),
    ):
        value = properties.get(key)
        if value is None or value.type == PropertyValueType.NULL:
            yield key, f"is missing: {meaning}"
        elif key != "connection" and not unknown(value) and not (isinstance(value.value, str) and value.value):
            yield key, f"is not a text: {meaning}"
    if properties.get("connection") is None or unknown(properties.get("connection")):
        return
    members = entries(properties.get("connection"))
    yield from _unknown_keys("connection", members, "connection.")
    for key in ("host", "privateKey", "hostKey"):
        value = members.get(key)
        if value is None or value.type == PropertyValueType.NULL:
            yield f"connection.{key}", "is missing"
        elif not unknown(value) and not (isinstance(value.value, str) and value.value):
            yield f"connection.{key}", "is not a text"
    port, host_key = plain(members.get("port")), plain(members.get("hostKey"))
    if port is not None and not (_number(port) and port == int(port) and 1 <= port <= 65535):
        yield "connection.port", f"{port!r} is not a port: 1 to 65535"
    if isinstance(host_key, str) and host_key and not HOST_KEY.fullmatch(host_key.strip()):
        yield "connection.hostKey", "is not a host's public key: its type and the key, such as ssh-ed25519 AAAA..."


def _file(at: str, _: str, members: dict[str, PropertyValue]) -> Iterator[Failure]:
    if (block := plain(members.get("block"))) is not None:
        yield from _block(at, block, members)
    else:
        yield from _shape(at, members)
    if ("content" in members) == ("source" in members):
        yield at, "needs either content or source"
    content = members.get("content")
    if content is not None and content.type not in (PropertyValueType.STRING, PropertyValueType.COMPUTED):
        yield f"{at}.content", "is not a text"
    if "source" in members and not unknown(members["source"]):
        source = entries(members["source"])
        yield from _unknown_keys("source", source, f"{at}.source.")
        yield from _text(f"{at}.source.sha256", source.get("sha256"), SHA256, "a sha256: 64 digits of 0-9 and a-f")
        yield from _text(f"{at}.source.url", source.get("url"), URL, "an http, https or file URL")
        if "extract" in source:
            yield from _text(f"{at}.source.extract", source["extract"], re.compile("[^/].*"), "a member of an archive")


def _block(at: str, block: Any, members: Properties) -> Iterator[Failure]:
    """A part of a file that others write, too."""
    if block is not True:
        yield f"{at}.block", "can only be true"
    for key in ("source", "mode", "owner", "group"):
        if key in members:
            yield f"{at}.{key}", "is not for a block: the file is somebody else's, only these lines are ours"


def _directory(at: str, _: str, members: dict[str, PropertyValue]) -> Iterator[Failure]:
    yield from _shape(at, members)


def _unit(at: str, name: str, members: dict[str, PropertyValue]) -> Iterator[Failure]:
    yield from _unit_name(at, name)
    for key in ("enabled", "active"):
        value = members.get(key)
        if not unknown(value) and not isinstance(plain(value), bool):
            yield f"{at}.{key}", "must be true or false"


def _reactions(properties: Properties) -> Iterator[Failure]:
    files = entries(properties.get("files"))
    every = not unknown(properties.get("files"))
    for at, one in _listed(properties, "reactions"):
        yield from _unknown_keys("reaction", one, f"{at}.")
        yield from _unit_name(f"{at}.unit", one.get("unit"))
        action, named = one.get("action"), one.get("files")
        if action not in ACTIONS:
            yield f"{at}.action", f"{action!r} is not one of {', '.join(ACTIONS)}"
        if not isinstance(named, list) or not named:
            yield f"{at}.files", "must be a list of files' paths"
            named = []
        if action == "self-reload":
            served_at, certificate = one.get("servedAt"), one.get("certificate")
            if not (isinstance(served_at, str) and SERVED_AT.fullmatch(served_at)):
                yield f"{at}.servedAt", f"self-reload needs host:port, this is {served_at!r}"
            if not certificate:
                yield f"{at}.certificate", "self-reload needs the path of the certificate that is served"
            else:
                named = [*named, certificate]
        for path in named:
            if every and path not in files:
                near = difflib.get_close_matches(str(path), files, n=1)
                yield f"{at}.files", f"{path} is not among files" + (f"; did you mean {near[0]}?" if near else "")


def _readiness(properties: Properties) -> Iterator[Failure]:
    units = entries(properties.get("units"))
    every = not unknown(properties.get("units"))
    for at, one in _listed(properties, "readiness"):
        yield from _unknown_keys("readiness", one, f"{at}.")
        yield from _unit_name(f"{at}.unit", one.get("unit"))
        timeout, http = one.get("timeout"), one.get("http")
        if every and one.get("unit") not in units:
            yield f"{at}.unit", f"{one.get('unit')} is not among units"
        if timeout is not None and not (_number(timeout) and 1 <= timeout <= 3600):
            yield f"{at}.timeout", f"{timeout!r} is not between 1 and 3600 seconds"
        if http is not None and not (isinstance(http, str) and re.fullmatch(r"https?://\S+", http)):
            yield f"{at}.http", f"{http!r} is not an http or https URL"


def _rollout(properties: Properties) -> Iterator[Failure]:
    value = properties.get("rollout")
    if value is None or value.type != PropertyValueType.MAP or partly_unknown(value):
        return
    members = entries(value)
    yield from _unknown_keys("rollout", members, "rollout.")
    group, at_once, named = (plain(members.get(key)) for key in ("group", "atOnce", "members"))
    if not isinstance(group, str) or not group:
        yield "rollout.group", "is missing: the name that its members share"
    for key in ("guard", "remaining"):
        command = plain(members.get(key))
        if command is not None and not (isinstance(command, str) and command):
            yield f"rollout.{key}", "is not a shell command"
    if at_once is not None and not (_number(at_once) and at_once == int(at_once) and at_once >= 1):
        yield "rollout.atOnce", f"{at_once!r} is not a whole number from 1"
    if named is not None and not (isinstance(named, list) and all(isinstance(one, str) and one for one in named)):
        yield "rollout.members", "is not a list of nodes' names"


def _commands(properties: Properties) -> Iterator[Failure]:
    units = entries(properties.get("units"))
    for key in ("prepare", "leave"):
        for at, one in _listed(properties, key):
            yield from _unknown_keys("command", one, f"{at}.")
            if not unknown(properties.get("units")) and one.get("unit") not in units:
                yield f"{at}.unit", f"{one.get('unit')} is not among units"
            if not (isinstance(one.get("script"), str) and one["script"]):
                yield f"{at}.script", "is not a shell script"


def _listed(properties: Properties, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The known maps of a list, each with its place."""
    for index, value in enumerate(items(properties.get(key))):
        if value.type == PropertyValueType.MAP and not partly_unknown(value):
            yield f"{key}[{index}]", plain(value)


def _path(at: str, path: str) -> Iterator[Failure]:
    bad = not path.isprintable() or "\\" in path or "//" in path or path.endswith("/")
    if not path.startswith("/") or bad or {".", ".."} & set(path.split("/")):
        yield at, "is not an absolute path in its shortest form"


def _shape(at: str, members: Properties) -> Iterator[Failure]:
    for key, pattern, form in (
        ("mode", MODE, "octal digits such as 0644"),
        ("owner", OWNER, "a user's name or number"),
        ("group", OWNER, "a group's name or number"),
    ):
        yield from _text(f"{at}.{key}", members.get(key), pattern, form)


def _text(at: str, value: PropertyValue | None, pattern: re.Pattern[str], form: str) -> Iterator[Failure]:
    if unknown(value):
        return
    found = plain(value)
    if found is None:
        yield at, f"is missing: {form}"
    elif not isinstance(found, str) or not pattern.fullmatch(found):
        shown = "this secret" if value is not None and value.is_secret else repr(found)
        yield at, f"{shown} is not {form}"


def _unit_name(at: str, name: Any) -> Iterator[Failure]:
    if not isinstance(name, str) or not UNIT.fullmatch(name):
        yield at, f"{name!r} is not a unit's name, such as kubelet.service"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unknown_keys(kind: str, members: Iterable[str], prefix: str = "") -> Iterator[Failure]:
    for key in members:
        if key not in KNOWN[kind] and not key.startswith("__"):
            near = difflib.get_close_matches(key, KNOWN[kind], n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KNOWN[kind])}"
            yield f"{prefix}{key}", f"is not a known key; {hint}"
