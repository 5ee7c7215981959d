"""The provider: its resources by type, which share a connection to each node."""

from __future__ import annotations

from typing import Protocol

from pulumi.provider.experimental import provider as api

from nodestate import vocabulary
from provider.command_resource import Commands
from provider.engine import Engine
from provider.objects.registration import NodeRegistrations
from provider.objects.resource import ObjectSets
from provider.objects.servers import ApiServers
from provider.preflight_resource import Preflights
from provider.provider import NodeStates
from provider.ssh import SshPool


class Resource(Protocol):
    """The operations of one type of resource."""

    async def check(self, request: api.CheckRequest) -> api.CheckResponse: ...
    async def diff(self, request: api.DiffRequest) -> api.DiffResponse: ...
    async def create(self, request: api.CreateRequest) -> api.CreateResponse: ...
    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse: ...
    async def read(self, request: api.ReadRequest) -> api.ReadResponse: ...
    async def delete(self, request: api.DeleteRequest) -> None: ...


class PlumblineProvider(api.Provider):
    """One instance serves one run of the engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        pool = SshPool()
        servers = ApiServers(engine, pool)
        self._node_states = NodeStates(engine, pool)
        self._resources: dict[str, Resource] = {
            vocabulary.NODE_STATE: self._node_states,
            vocabulary.COMMAND: Commands(engine, pool),
            vocabulary.PREFLIGHT: Preflights(engine, pool),
            vocabulary.OBJECT_SET: ObjectSets(engine, servers),
            vocabulary.NODE_REGISTRATION: NodeRegistrations(engine, servers),
        }

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True, accept_resources=True)

    async def cancel(self) -> None:
        # The engine's first Ctrl-C. It ends no call by itself: those that wait would begin all the same.
        self._node_states.interrupt()

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        if _type(request.urn) not in self._resources:
            known = ", ".join(self._resources)
            return api.CheckResponse(
                request.new_inputs, [api.CheckFailure("", f"{_type(request.urn)} is none of {known}")]
            )
        return await self._of(request.urn).check(request)

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        return await self._of(request.urn).diff(request)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        return await self._of(request.urn).create(request)

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        return await self._of(request.urn).update(request)

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        return await self._of(request.urn).read(request)

    async def delete(self, request: api.DeleteRequest) -> None:
        await self._of(request.urn).delete(request)

    def _of(self, urn: str) -> Resource:
        return self._resources[_type(urn)]


def _type(urn: str) -> str:
    """The type of a resource without those of its parents."""
    return urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2]
