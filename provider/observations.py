"""The observations of one run: each node is read once for Read and Check, and again only for an update."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nodestate import NodeStateInputs, Secret, vocabulary
from provider.engine import Engine
from provider.errors import NodeError, Unreachable
from provider.observe import NodeReader, Request
from provider.observed import Observed
from provider.ssh import SshSession

UNREACHABLE_NODES = 2
"""If so many nodes are silent and none has answered, this run has no way to the nodes: no more of them are asked. A preview in
a pull request may run there."""

GLANCE_SECONDS = 2.0
"""How long a machine that may not exist yet gets to accept a connection: a preview does not wait for it as for one that does."""


@dataclass(frozen=True)
class _Seen:
    wanted: NodeStateInputs
    found: Observed


class Observations:
    """Remembers by component what was found in this run, and which nodes did not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = NodeReader()
        self._seen: dict[str, _Seen] = {}
        self._silent: set[SshSession] = set()
        self._absent: set[SshSession] = set()
        """Machines that may not exist yet: they do not count as silent."""
        self._answered = False
        self._rebooting: set[SshSession] = set()

    async def read(self, session: SshSession, request: Request, urn: str) -> Observed:
        """Reads the node now. Raises NodeError; Unreachable if it does not answer. A node that wants a reboot is named once."""
        try:
            found = await self._reader.observe(session, request)
        except Unreachable:
            self._silent.add(session)
            raise
        self._silent.discard(session)
        self._answered = True
        self._seen[request.component] = _Seen(request.wanted, found)
        if found.reboot and session not in self._rebooting:
            self._rebooting.add(session)
            await self._engine.log(urn, f"{request.wanted.node}: {vocabulary.reboot(found.reboot)}")
        return found

    async def once(self, session: SshSession, request: Request, urn: str) -> Observed | None:
        """The observation of this run, made now if there is none that covers `request`. None if the node does not answer: it
        is asked once in a run, and named in one warning."""
        seen = self._seen.get(request.component)
        if seen is not None and covers(seen.wanted, request.wanted):
            return seen.found
        if self._gives_up(session):
            return None
        if seen is not None:
            request = replace(request, installed=seen.found.installed or request.installed, former=seen.found)
        try:
            return await self.read(session, request, urn)
        except Unreachable as error:
            await self._engine.warn(urn, f"{error}: the plan follows its last known state")
            return None

    async def glance(self, session: SshSession, request: Request, urn: str) -> Observed | None:
        """The observation of a node that may not exist yet. None, without a warning and soon, if it does not answer; with one if
        it answers and cannot be read."""
        if session in self._absent or self._gives_up(session):
            return None
        if not await session.answers(GLANCE_SECONDS):
            self._absent.add(session)
            return None
        try:
            return await self.read(session, request, urn)
        except NodeError as error:
            self._absent.add(session)
            await self._engine.warn(urn, f"{error}: {vocabulary.AS_EMPTY}")
            return None

    def _gives_up(self, session: SshSession) -> bool:
        return session in self._silent or (len(self._silent) >= UNREACHABLE_NODES and not self._answered)

    def last(self, component: str) -> Observed | None:
        """The observation of this run, if there is one."""
        seen = self._seen.get(component)
        return seen.found if seen is not None else None


def covers(seen: NodeStateInputs, wanted: NodeStateInputs) -> bool:
    """Whether an observation for `seen` tells all about `wanted`: contents may differ, what is looked at may not."""
    return (
        (seen.units, seen.directories, seen.probes, seen.reactions)
        == (wanted.units, wanted.directories, wanted.probes, wanted.reactions)
        and wanted.files.keys() <= seen.files.keys()
        and all(_kind(seen, path) == _kind(wanted, path) for path in wanted.files)
    )


def _kind(state: NodeStateInputs, path: str) -> tuple[bool, bool, Secret | type]:
    file = state.files[path]
    # A secret is not read back: the node tells only whether it has the one that was asked for.
    content = file.content if isinstance(file.content, Secret) and file.content.known else type(file.content)
    return file.block, file.source is None, content
