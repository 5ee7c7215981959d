"""Reads a node in one round trip: file contents, modes, owners and unit states (remote/report.py)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nodestate import Directory, File, NodeStateInputs, Secret, Text
from nodestate.secret import known_text, sha256
from provider.errors import NodeError
from provider.observed import Installed, Observed
from provider.remote import units
from provider.remote.paths import ExpectedFile, FoundPath, decoded
from provider.remote.report import MalformedReport, Report, parse, read_script
from provider.ssh import SshSession

READ_SECONDS = 300


@dataclass(frozen=True)
class Request:
    """One NodeState to read: what is `wanted`, and `former`, the state as it is stored, if any: what of it is not wanted any
    more is read, too. `component` names its journal and its owner marks; `installed` are its downloads by path as they were
    when they were installed."""

    wanted: NodeStateInputs
    component: str
    installed: Mapping[str, Installed]
    former: NodeStateInputs | None = None

    @property
    def paths(self) -> frozenset[str]:
        """All paths that are read."""
        return frozenset(self.wanted.files.keys() | self.wanted.directories.keys())


async def observe(node: SshSession, requests: Sequence[Request]) -> list[Observed]:
    """The state of the node for each request; no two of them may name the same path.

    Missing paths and units are left out. A file with the wanted content is returned as it is wanted, with its secret
    mark. Other public content is read; other secret or large content is named by its checksum only. Raises NodeError.
    """
    expected = {
        path: expected_file(file, request.installed.get(path))
        for request in requests
        for path, file in request.wanted.files.items()
    }
    directories = [path for request in requests for path in request.wanted.directories]
    named = list(dict.fromkeys(unit for request in requests for unit in request.wanted.units))
    script = read_script(expected, directories, named, [request.component for request in requests])
    hiding = [request.wanted for request in requests]
    result = await node.run("read", script, hiding=hiding, seconds=READ_SECONDS)
    if result.status != 0:
        raise NodeError(f"{node.name}: reading its state failed: {result.failure}")
    try:
        report = parse(result.report, expected, named)
    except MalformedReport as error:
        raise NodeError(f"{node.name}: reading its state {error}: run pulumi again") from None
    return [observed_state(report, request, expected) for request in requests]


class NodeReader:
    """Reads nodes for many requests at once: those that come while a node is dialled, or read for another, go together in
    its next round trip. An emulated machine needs seconds for each."""

    def __init__(self) -> None:
        self._waiting: defaultdict[SshSession, dict[asyncio.Future[Observed], Request]] = defaultdict(dict)
        self._locks: defaultdict[SshSession, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def observe(self, node: SshSession, request: Request) -> Observed:
        """The state that `observe` finds for this one request. Raises NodeError."""
        waiting = self._waiting[node]
        answer: asyncio.Future[Observed] = asyncio.get_running_loop().create_future()
        waiting[answer] = request
        try:
            async with self._locks[node]:
                # The first reads for all: most find their answer here.
                while not answer.done():
                    await self._round(node, waiting)
        finally:
            waiting.pop(answer, None)
        return await answer

    @staticmethod
    async def _round(node: SshSession, waiting: dict[asyncio.Future[Observed], Request]) -> None:
        together: dict[asyncio.Future[Observed], Request] = {}
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


def _disjoint(waiting: Mapping[asyncio.Future[Observed], Request]) -> dict[asyncio.Future[Observed], Request]:
    """The first requests, up to one that names a path which another names."""
    together: dict[asyncio.Future[Observed], Request] = {}
    named: set[str] = set()
    for answer, request in waiting.items():
        if named & request.paths:
            break
        named |= request.paths
        together[answer] = request
    return together


def expected_file(file: File, known: Installed | None) -> ExpectedFile:
    """How a wanted file should be on the node; `known` is its download as it was installed."""
    if file.block:
        return ExpectedFile("", block=True)
    if file.source is None:
        text = known_text(file.content)
        return ExpectedFile("" if text is None else sha256(text), isinstance(file.content, Secret))
    if known is not None and known.identity == file.source.identity:
        return ExpectedFile(known.sha256, stamp=known.stamp)
    # The checksum of an archive's member is known only after it was extracted once.
    return ExpectedFile("" if file.source.extract else file.source.sha256)


def observed_state(report: Report, request: Request, expected: Mapping[str, ExpectedFile]) -> Observed:
    """The state of one request from the report of all."""
    wanted = request.wanted
    files = {
        path: _file(file, report.found[path], report.sums.get(path), report.texts.get(path), expected[path].sha256)
        for path, file in wanted.files.items()
        if path in report.found and not file.block
    }
    files |= {
        path: replace(wanted.files[path], content=_marked(wanted.files[path], decoded(text, "(not text)")))
        for path, text in report.blocks.items()
        if path in wanted.files
    }
    directories = {
        path: Directory(report.found[path].mode, *report.found[path].owners(one))
        for path, one in wanted.directories.items()
        if path in report.found and report.found[path].kind == "directory"
    }
    found_units = {name: units.observed(unit, report.units[name]) for name, unit in wanted.units.items()}
    return Observed.of(
        wanted,
        files=files,
        directories=directories,
        units={name: unit for name, unit in found_units.items() if unit is not None},
        pending=tuple(report.pending[request.component]),
    )


def _file(wanted: File, found: FoundPath, checksum: str | None, text: str | None, expected: str) -> File:
    if checksum is None:
        return _obstacle(wanted, f"(a {found.kind})")
    owner, group = found.owners(wanted)
    shape = replace(wanted, mode=found.mode, owner=owner, group=group)
    if checksum == expected:
        return shape
    if wanted.source is not None:
        return replace(shape, source=replace(wanted.source, sha256=checksum))
    if isinstance(wanted.content, Secret) or text is None:
        return replace(shape, content=_marked(wanted, f"(other content, sha256 {checksum})"))
    return replace(shape, content=decoded(text, f"(not text, sha256 {checksum})"))


def _obstacle(wanted: File, what: str) -> File:
    """A path at which there is no regular file."""
    content = None if wanted.content is None else _marked(wanted, what)
    source = replace(wanted.source, sha256=what) if wanted.source else None
    return replace(wanted, content=content, source=source)


def _marked(wanted: File, text: str) -> Text:
    return Secret(text) if isinstance(wanted.content, Secret) else text
