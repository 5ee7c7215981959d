"""Reads a node in one round trip: what stands at each path, and how each unit is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from provider.model import Content, Directory, File, NodeError, State, Unit
from provider.script import PENDING, Expected, read_script
from provider.transport import Node

SHOWN_BYTES = 64 * 1024
"""A changed public file up to this size is brought home, so that the difference shows by line."""


async def observe(node: Node, wanted: State, concern: str, installed: Mapping[str, str]) -> State:
    """What is on the node of `wanted`, in its shape.

    Paths and units that are not there are left out. A file whose text is the wanted one is given back as it is, secret
    mark and all; another's public text is read, another's secret or large one is named by checksum only. `installed`
    holds, by path, checksum and stamp of each download as it was installed. Raises NodeError.
    """
    expected = {}
    for path, file in wanted.files.items():
        checksum, _, stamp = installed.get(path, "").partition(" ")
        held = file.content.sha256 if file.content else checksum or (file.source and file.source.sha256)
        secret = bool(file.content and file.content.secret)
        expected[path] = Expected(held or "", secret, stamp)
    script = read_script(expected, tuple(wanted.directories), tuple(wanted.units), concern, SHOWN_BYTES)
    result = await node.run("read", script)
    if result.status != 0:
        raise NodeError(f"{node.name}: reading its state failed: {result.stderr.strip()[-500:]}")
    return _parsed(node.name, result.stdout, wanted, expected)


def _parsed(name: str, printed: str, wanted: State, expected: Mapping[str, Expected]) -> State:
    found: dict[str, list[str]] = {}
    sums: dict[str, str] = {}
    texts: dict[str, str] = {}
    shown: list[dict[str, str]] = [{}]
    pending: tuple[str, ...] = ()
    complete = False
    for line in printed.splitlines():
        kind, _, rest = line.partition("\t")
        fields = rest.split("\t")
        if kind == "found":
            found[fields[4]] = fields[:4]
        elif kind == "same":
            sums[rest] = expected[rest].sha256
        elif kind == "sum":
            sums[fields[1]] = fields[0]
        elif kind == "text":
            texts[fields[0]] = fields[1]
        elif kind == "unit":
            # Units are separated by an empty line.
            key, equals, value = rest.partition("=")
            if equals:
                shown[-1][key] = value
            else:
                shown.append({})
        elif kind == PENDING:
            pending = tuple(rest.split())
        elif kind == "end":
            complete = True
    if not complete:
        raise NodeError(f"{name}: reading its state ended early: run pulumi again")
    files = {
        path: _file(file, found[path], sums.get(path), texts.get(path, ""), expected[path].sha256)
        for path, file in wanted.files.items()
        if path in found
    }
    directories = {
        path: Directory(*found[path][1:])
        for path in wanted.directories
        if path in found and found[path][0] == "directory"
    }
    units = {
        one["Id"]: _unit(wanted.units[one["Id"]], one["LoadState"], one["ActiveState"], one["UnitFileState"])
        for one in shown
        if one.get("Id") in wanted.units and one["LoadState"] != "not-found"
    }
    return replace(wanted, files=files, directories=directories, units=units, pending=pending)


def _file(wanted: File, found: list[str], checksum: str | None, text: str, expected: str) -> File:
    kind, mode, owner, group = found
    if checksum is None:
        return _obstacle(wanted, f"a {kind}")
    shape = replace(wanted, mode=mode, owner=owner, group=group)
    if checksum == expected:
        return shape
    if wanted.content is None:
        assert wanted.source is not None
        return replace(shape, source=replace(wanted.source, sha256=checksum))
    if wanted.content.secret or not text:
        return replace(shape, content=Content(f"(other content, sha256 {checksum})", wanted.content.secret))
    return replace(shape, content=Content(_text(text, checksum)))


def _text(content: str, sha256: str) -> str:
    try:
        return base64.b64decode(content).decode()
    except ValueError:
        return f"(not text, sha256 {sha256})"


def _obstacle(wanted: File, what: str) -> File:
    """Something that is no regular file stands at the path."""
    content = Content(f"({what})", bool(wanted.content and wanted.content.secret)) if wanted.content else None
    source = replace(wanted.source, sha256=what) if wanted.source else None
    return replace(wanted, content=content, source=source)


def _unit(wanted: Unit, load: str, active: str, enabled: str) -> Unit:
    # A unit that cannot be enabled (static, generated) is not asked to be.
    fixed = enabled in ("static", "generated", "indirect", "alias", "transient", "")
    return Unit(
        enabled=wanted.enabled if fixed else enabled in ("enabled", "enabled-runtime"),
        active=active in ("active", "reloading", "activating"),
        masked=load == "masked" or enabled in ("masked", "masked-runtime"),
    )
