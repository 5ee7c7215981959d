"""The provider: it passes each operation to the type of its resource."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pulumi.provider.experimental import provider as api

from provider.engine import Engine

if TYPE_CHECKING:
    from provider.resources import Resources


class Resource(Protocol):
    """The operations of one type of resource."""

    async def check(self, request: api.CheckRequest) -> api.CheckResponse: ...
    async def diff(self, request: api.DiffRequest) -> api.DiffResponse: ...
    async def create(self, request: api.CreateRequest) -> api.CreateResponse: ...
    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse: ...
    async def read(self, request: api.ReadRequest) -> api.ReadResponse: ...
    async def delete(self, request: api.DeleteRequest) -> None: ...


class PlumblineProvider(api.Provider):
    """One instance serves one run of the engine.

    The resources and their libraries are loaded with the first operation. An engine that refreshes starts a second process,
    which it only asks whether its configuration has changed.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._cancelled = False

    @cached_property
    def _resources(self) -> Resources:
        with _no_compiler():
            loaded: Resources = importlib.import_module("provider.resources").Resources(self._engine)
        if self._cancelled:
            loaded.interrupt()
        return loaded

    async def check_config(self, request: api.CheckRequest) -> api.CheckResponse:
        # The stack's configuration is named like this provider, so the engine takes it for the provider's. If it were, each
        # change of it would have the engine use a second process, which does not know what the first one has read.
        return api.CheckResponse({})

    async def diff_config(self, request: api.DiffRequest) -> api.DiffResponse:
        return api.DiffResponse(changes=False)

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True, accept_resources=True)

    async def cancel(self) -> None:
        # The engine's first Ctrl-C. It ends no call by itself: those that wait would begin all the same.
        # It also comes at the end of each run, then to processes that have loaded nothing.
        self._cancelled = True
        if "_resources" in vars(self):
            self._resources.interrupt()

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        if _type(request.urn) not in self._resources.by_type:
            known = ", ".join(self._resources.by_type)
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
        return self._resources.by_type[_type(urn)]


@contextmanager
def _no_compiler() -> Iterator[None]:
    """Within, no program of the path is found: asyncssh looks for optional libraries, and Python then runs gcc and ld, twice."""
    path = os.environ.get("PATH")
    os.environ["PATH"] = "/nonexistent"
    try:
        yield
    finally:
        del os.environ["PATH"]
        if path is not None:
            os.environ["PATH"] = path


def _type(urn: str) -> str:
    """The type of a resource without those of its parents."""
    return urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2]
