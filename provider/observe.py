"""Reads a node in one round trip: what stands at each path, and how each unit is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from provider.model import Content, Directory, File, Installed, NodeError, State, Unit
from provider.script import Expected, read_script
from provider.transport import Node

SHOWN_BYTES = 64 * 1024
"""A changed public file up to this size is brought home, so that the difference shows by line."""

READ_SECONDS = 300


async def observe(node: Node, wanted: State, concern: str, installed: Mapping[str, Installed]) -> State:
    """What is on the node of `wanted`, in its shape.

    Paths and units that are not there are left out. A file whose text is the wanted one is given back as it is, secret
    mark and all; another's public text is read, another's secret or large one is named by checksum only. `installed`
    says of each download, by path, how it was when it was installed. Raises NodeError.
    """
    expected = {path: _expected(file, installed.get(path)) for path, file in wanted.files.items()}
    script = read_script(expected, tuple(wanted.directories), tuple(wanted.units), concern, SHOWN_BYTES)
    result = await node.run("read", script, seconds=READ_SECONDS)
    if result.status != 0:
        raise NodeError(f"{node.name}: reading its state failed: {result.stderr.strip()[-500:]}")
    return _parsed(node.name, result.stdout, wanted, expected)


def _expected(file: File, known: Installed | None) -> Expected:
    if file.content is not None:
        return Expected(file.content.sha256 or "", file.content.secret)
    assert file.source is not None
    if known is not None and known.source.identity == file.source.identity:
        return Expected(known.sha256, stamp=known.stamp)
    # What an archive's member sums to is known only after it was extracted once.
    return Expected("" if file.source.extract else file.source.sha256)


@dataclass
class _Report:
    """What read.sh printed."""

    found: dict[str, list[str]] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    units: list[dict[str, str]] = field(default_factory=lambda: [{}])
    pending: list[str] = field(default_factory=list)
    complete: bool = False


def _report(printed: str, expected: Mapping[str, Expected]) -> _Report:
    report = _Report()
    for line in printed.splitlines():
        kind, _, rest = line.partition("\t")
        fields = rest.split("\t")
        if kind == "found":
            report.found[fields[6]] = fields[:6]
        elif kind == "same":
            report.sums[rest] = expected[rest].sha256
        elif kind == "sum":
            report.sums[fields[1]] = fields[0]
        elif kind == "text":
            report.texts[fields[0]] = fields[1]
        elif kind == "unit":
            # Units are separated by an empty line.
            key, equals, value = rest.partition("=")
            if equals:
                report.units[-1][key] = value
            else:
                report.units.append({})
        elif kind == "pending":
            report.pending.append(rest)
        elif kind == "end":
            report.complete = True
    return report


def _parsed(name: str, printed: str, wanted: State, expected: Mapping[str, Expected]) -> State:
    report = _report(printed, expected)
    shown = [one for one in report.units if one]
    if not report.complete or len(shown) != len(wanted.units):
        raise NodeError(f"{name}: reading its state ended early: run pulumi again")
    files = {
        path: _file(file, report.found[path], report.sums.get(path), report.texts.get(path), expected[path].sha256)
        for path, file in wanted.files.items()
        if path in report.found
    }
    directories = {
        path: Directory(report.found[path][1], *_owners(one, report.found[path]))
        for path, one in wanted.directories.items()
        if path in report.found and report.found[path][0] == "directory"
    }
    # In the order asked for: a unit known by an alias shows under its own name.
    units = {
        unit: _unit(wanted.units[unit], one)
        for unit, one in zip(wanted.units, shown, strict=True)
        if one.get("LoadState") != "not-found"
    }
    return replace(wanted, files=files, directories=directories, units=units, pending=tuple(report.pending))


def _owners(wanted: File | Directory, found: list[str]) -> tuple[str, str]:
    """Owner and group, as numbers where they are wanted as numbers."""
    _, _, owner, group, uid, gid = found
    return uid if wanted.owner.isdigit() else owner, gid if wanted.group.isdigit() else group


def _file(wanted: File, found: list[str], checksum: str | None, text: str | None, expected: str) -> File:
    kind, mode = found[:2]
    if checksum is None:
        return _obstacle(wanted, f"a {kind}")
    owner, group = _owners(wanted, found)
    shape = replace(wanted, mode=mode, owner=owner, group=group)
    if checksum == expected:
        return shape
    if wanted.content is None:
        assert wanted.source is not None
        return replace(shape, source=replace(wanted.source, sha256=checksum))
    if wanted.content.secret or text is None:
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
    source = replace(wanted.source, sha256=f"({what})") if wanted.source else None
    return replace(wanted, content=content, source=source)


def _unit(wanted: Unit, shown: Mapping[str, str]) -> Unit:
    state, enabled = shown.get("ActiveState", ""), shown.get("UnitFileState", "")
    # A unit that cannot be enabled (static, generated) is not asked to be.
    fixed = enabled in ("static", "generated", "indirect", "alias", "transient", "")
    # Between two tries after a failure is not running, whatever systemd calls it.
    runs = state in ("active", "reloading", "activating") and shown.get("SubState") != "auto-restart"
    return Unit(
        enabled=wanted.enabled if fixed else enabled in ("enabled", "enabled-runtime"),
        active=runs,
        masked=shown.get("LoadState") == "masked" or enabled in ("masked", "masked-runtime"),
    )
