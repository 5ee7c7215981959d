"""Reads a node in one round trip: file contents, modes, owners and unit states (remote/report.py)."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from provider.errors import NodeError
from provider.observation import SKEW_SECONDS, Request, expected_file, observed_state, questions
from provider.observed import Observed
from provider.remote.report import MalformedReport, parse, read_script
from provider.ssh import SshSession

__all__ = ["NodeReader", "Request", "clock_skew", "expected_file", "observe", "observed_state"]

READ_SECONDS = 300


async def observe(
    node: SshSession, requests: Sequence[Request], declared: Mapping[str, Collection[str]] = MappingProxyType({})
) -> list[Observed]:
    """The state of the node for each request; no two of them may name the same path. One round trip.

    Missing paths and units are left out. A file with the wanted content is returned as it is wanted, with its secret
    mark. Other public content is read; other secret or large content is named by its checksum only. `declared`: more paths
    that components of the node declare, by component, so that they do not count as foreign. Raises NodeError.
    """
    asked = questions(requests)
    hiding = [state for request in requests for state in (request.wanted, request.former) if state is not None]
    before = time.time()
    result = await node.run("read", read_script(asked), hiding=hiding, seconds=READ_SECONDS)
    after = time.time()
    if result.status != 0:
        raise NodeError(f"{node.name}: reading its state failed: {result.failure}")
    try:
        report = parse(result.report, asked)
    except MalformedReport as error:
        raise NodeError(f"{node.name}: reading its state {error}: run pulumi again") from None
    paths = {name: set(known) for name, known in declared.items()}
    for request in requests:
        paths.setdefault(request.component, set()).update(request.paths)
    skew = clock_skew(report.epoch, before, after)
    found = [_without_secrets(node, observed_state(report, one, asked.files, paths), one) for one in requests]
    if not skew:
        return found
    note = f"its clock is {abs(skew)} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    return [replace(one, skew=skew, notes=(note, *one.notes)) for one in found]


def _without_secrets(node: SshSession, found: Observed, request: Request) -> Observed:
    """The state without the lines of public files and probes that hold a secret: somebody may have pasted one there."""
    files, probes = dict(found.files), dict(found.probes)
    for path, file in found.files.items():
        wanted = request.wanted.files.get(path)
        if file.text is not None and (wanted is None or file.text != wanted.text):
            files[path] = replace(file, content=node.without_secrets(file.text))
    for name, probe in found.probes.items():
        if probe != request.wanted.probes.get(name):
            probes[name] = replace(probe, expected=node.without_secrets(probe.expected))
    return replace(found, files=files, probes=probes)


def clock_skew(epoch: int | None, before: float, after: float) -> int:
    """Seconds that the node's clock is ahead of ours, negative if behind; 0 up to SKEW_SECONDS. `before` and `after` are our
    clock when it was asked and when it had answered."""
    if epoch is None:
        return 0
    ahead = epoch - after if epoch > after else min(epoch - before, 0)
    return round(ahead) if abs(ahead) > SKEW_SECONDS else 0


class NodeReader:
    """Reads nodes for many requests at once: those that come while a node is dialled, or read for another, go together in
    its next round trip. An emulated machine needs seconds for each."""

    def __init__(self) -> None:
        self._waiting: defaultdict[SshSession, dict[asyncio.Future[Observed], Request]] = defaultdict(dict)
        self._declared: defaultdict[SshSession, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._locks: defaultdict[SshSession, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def observe(self, node: SshSession, request: Request) -> Observed:
        """The state that `observe` finds for this one request. Raises NodeError."""
        waiting = self._waiting[node]
        answer: asyncio.Future[Observed] = asyncio.get_running_loop().create_future()
        waiting[answer] = request
        self._declared[node][request.component] |= request.paths
        try:
            async with self._locks[node]:
                # The first reads for all: most find their answer here.
                while not answer.done():
                    await self._round(node, waiting)
        finally:
            waiting.pop(answer, None)
        return await answer

    async def _round(self, node: SshSession, waiting: dict[asyncio.Future[Observed], Request]) -> None:
        together: dict[asyncio.Future[Observed], Request] = {}
        try:
            await node.reach()
            together = _disjoint(waiting)
            found = await observe(node, list(together.values()), self._declared[node])
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
