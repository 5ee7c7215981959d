"""Reads a node in one round trip: what stands at each path, and how each unit is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from provider.model import Content, Directory, File, NodeError, Source, State, Unit
from provider.script import PENDING, quoted, read_script
from provider.transport import Node

SHOWN_BYTES = 64 * 1024
"""A changed public file up to this size is brought home, so that the difference shows by line."""


async def observe(node: Node, wanted: State, concern: str, installed: Mapping[str, str]) -> State:
    """What is on the node of `wanted`, in its shape.

    Paths and units that are not there are left out. A file whose text is the wanted one is given back as it is, secret
    mark and all; another's public text is read, another's secret or large one is named by checksum only. `installed`
    holds the checksums of extracted downloads. Raises NodeError.
    """
    expected = {}
    for path, file in wanted.files.items():
        held = file.content.sha256 if file.content else installed.get(path) or (file.source and file.source.sha256)
        # A secret text never travels for showing: any checksum will do as the expected one.
        expected[path] = "secret" if file.content and file.content.secret else held or ""
    script = read_script(expected, tuple(wanted.directories), tuple(wanted.units), concern, SHOWN_BYTES)
    result = await node.run("read", script)
    if result.status != 0:
        raise NodeError(f"{node.name}: reading its state failed: {result.stderr.strip()[-500:]}")
    return _parsed(node.name, result.stdout, wanted, installed)


def _parsed(name: str, printed: str, wanted: State, installed: Mapping[str, str]) -> State:
    files: dict[str, File] = {}
    directories: dict[str, Directory] = {}
    units: dict[str, Unit] = {}
    pending: tuple[str, ...] = ()
    complete = False
    for line in printed.splitlines():
        kind, *rest = line.split("\t")
        if kind == "file":
            path, mode, owner, group, sha256, content = rest
            files[path] = _file(wanted.files[path], mode, owner, group, sha256, content, installed.get(path))
        elif kind == "other":
            path, what = rest
            if path in wanted.files:
                files[path] = _obstacle(wanted.files[path], what)
        elif kind == "directory":
            path, mode, owner, group = rest
            directories[path] = Directory(mode, owner, group)
        elif kind == "unit":
            unit, load, active, enabled = rest
            if load != "not-found":
                units[unit] = _unit(wanted.units[unit], load, active, enabled)
        elif kind == PENDING:
            pending = tuple(rest[0].split())
        elif kind == "end":
            complete = True
    if not complete:
        raise NodeError(f"{name}: reading its state ended early: run pulumi again")
    return replace(wanted, files=files, directories=directories, units=units, pending=pending)


def _file(wanted: File, mode: str, owner: str, group: str, sha256: str, content: str, installed: str | None) -> File:
    shape = replace(wanted, mode=mode.zfill(4), owner=owner, group=group)
    if wanted.content is not None:
        if wanted.content.sha256 == sha256:
            return shape
        if wanted.content.secret or not content:
            return replace(shape, content=Content(f"(other content, sha256 {sha256})", wanted.content.secret))
        return replace(shape, content=Content(_text(content, sha256)))
    source = wanted.source
    assert source is not None
    # What an archive's member must be is known only from when it was installed.
    if sha256 == (installed if source.extract else source.sha256):
        return shape
    return replace(shape, source=Source(source.url, sha256, source.extract))


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


__all__ = ["observe", "quoted"]
