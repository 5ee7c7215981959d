"""Reads a node in one round trip: what stands at each path, and how each unit is."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from provider.model import Content, Directory, File, Installed, NodeError, State, Unit
from provider.script import Expected, read_script
from provider.transport import Node

SHOWN_BYTES = 64 * 1024
"""A changed public file up to this size is brought home, so that the difference shows by line."""

READ_SECONDS = 300


@dataclass(frozen=True)
class Request:
    """One NodeState to read: what is `wanted`, under which concern the node notes it, and its downloads by path as they
    were when they were installed."""

    wanted: State
    concern: str
    installed: Mapping[str, Installed]

    @property
    def paths(self) -> frozenset[str]:
        """All that is looked at."""
        return frozenset(self.wanted.files.keys() | self.wanted.directories.keys())


async def observe(node: Node, requests: Sequence[Request]) -> list[State]:
    """What is on the node of each request, in the shape of what it wants; no two of them may name the same path.

    Paths and units that are not there are left out. A file whose text is the wanted one is given back as it is, secret
    mark and all; another's public text is read, another's secret or large one is named by checksum only.
    Raises NodeError.
    """
    expected = {
        path: _expected(file, request.installed.get(path))
        for request in requests
        for path, file in request.wanted.files.items()
    }
    directories = [path for request in requests for path in request.wanted.directories]
    units = list(dict.fromkeys(unit for request in requests for unit in request.wanted.units))
    script = read_script(expected, directories, units, [request.concern for request in requests], SHOWN_BYTES)
    result = await node.run("read", script, seconds=READ_SECONDS)
    if result.status != 0:
        raise NodeError(f"{node.name}: reading its state failed: {result.stderr.strip()[-500:]}")
    report = _report(result.stdout, expected, units)
    if not report.complete:
        raise NodeError(f"{node.name}: reading its state ended early: run pulumi again")
    return [_state(report, request, expected) for request in requests]


class Reader:
    """Reads nodes for many who ask at once: what is asked of one node while it is being dialled, or read for another,
    goes together in its next round trip. An emulated machine needs seconds for each."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Node, dict[asyncio.Future[State], Request]] = defaultdict(dict)
        self._turns: defaultdict[Node, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def observe(self, node: Node, request: Request) -> State:
        """What `observe` finds for this one request. Raises NodeError."""
        waiting = self._waiting[node]
        answer: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        waiting[answer] = request
        try:
            async with self._turns[node]:
                # Whoever comes first reads for all: most find their answer here.
                while not answer.done():
                    await self._round(node, waiting)
        finally:
            waiting.pop(answer, None)
        return await answer

    @staticmethod
    async def _round(node: Node, waiting: dict[asyncio.Future[State], Request]) -> None:
        together: dict[asyncio.Future[State], Request] = {}
        try:
            await node.reach()
            together = _disjoint(waiting)
            found = await observe(node, list(together.values()))
        except NodeError as error:
            for answer in together or list(waiting):
                waiting.pop(answer, None)
                answer.set_exception(error)
            return
        for answer, state in zip(together, found, strict=True):
            waiting.pop(answer, None)
            answer.set_result(state)


def _disjoint(waiting: Mapping[asyncio.Future[State], Request]) -> dict[asyncio.Future[State], Request]:
    """The first of those who wait, up to one that names a path which another names."""
    together: dict[asyncio.Future[State], Request] = {}
    named: set[str] = set()
    for answer, request in waiting.items():
        if named & request.paths:
            break
        named |= request.paths
        together[answer] = request
    return together


def _expected(file: File, known: Installed | None) -> Expected:
    if file.block:
        return Expected("", block=True)
    if file.content is not None:
        return Expected(file.content.sha256 or "", file.content.secret)
    assert file.source is not None
    if known is not None and known.source.identity == file.source.identity:
        return Expected(known.sha256, stamp=known.stamp)
    # What an archive's member sums to is known only after it was extracted once.
    return Expected("" if file.source.extract else file.source.sha256)


@dataclass
class _Report:
    """What read.sh printed; units and what is pending by their names."""

    found: dict[str, list[str]] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    pending: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    complete: bool = False


def _report(printed: str, expected: Mapping[str, Expected], units: Sequence[str]) -> _Report:
    report = _Report()
    shown: list[dict[str, str]] = [{}]
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
        elif kind == "block":
            report.blocks[fields[0]] = fields[1]
        elif kind == "unit":
            # Units are separated by an empty line.
            key, equals, value = rest.partition("=")
            if equals:
                shown[-1][key] = value
            else:
                shown.append({})
        elif kind == "pending":
            report.pending[fields[0]].append(fields[1])
        elif kind == "end":
            report.complete = True
    described = [one for one in shown if one]
    if len(described) != len(units):
        report.complete = False
    else:
        # In the order asked for: a unit known by an alias shows under its own name.
        report.units = dict(zip(units, described, strict=True))
    return report


def _state(report: _Report, request: Request, expected: Mapping[str, Expected]) -> State:
    wanted = request.wanted
    files = {
        path: _file(file, report.found[path], report.sums.get(path), report.texts.get(path), expected[path].sha256)
        for path, file in wanted.files.items()
        if path in report.found and not file.block
    }
    for path, text in report.blocks.items():
        if (block := wanted.files.get(path)) is not None:
            files[path] = replace(block, content=Content(_text(text, "unknown")))
    directories = {
        path: Directory(report.found[path][1], *_owners(one, report.found[path]))
        for path, one in wanted.directories.items()
        if path in report.found and report.found[path][0] == "directory"
    }
    units = {
        name: _unit(unit, report.units[name])
        for name, unit in wanted.units.items()
        if report.units[name].get("LoadState") != "not-found"
    }
    pending = tuple(report.pending[request.concern])
    return replace(wanted, files=files, directories=directories, units=units, pending=pending)


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
