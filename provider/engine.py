"""Log lines in the engine's display, each on its resource."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Log(Protocol):
    """Tells the user what is being done; an `ephemeral` line is of interest only while it lasts."""

    def __call__(self, line: str, ephemeral: bool = False) -> Awaitable[None]: ...


class Engine:
    """The engine that started this plugin. A line that cannot be delivered is dropped: it does not fail the run."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stub: engine_pb2_grpc.EngineStub | None = None

    async def warn(self, urn: str, line: str) -> None:
        """A warning: the run goes on."""
        await self._send(engine_pb2.WARNING, urn, line)

    async def log(self, urn: str, line: str, ephemeral: bool = False) -> None:
        """A line on what is being done now; an ephemeral one is shown only until the next line."""
        await self._send(engine_pb2.INFO, urn, line, ephemeral)

    def logger(self, urn: str) -> Log:
        """The log of one resource."""

        async def log(line: str, ephemeral: bool = False) -> None:
            await self.log(urn, line, ephemeral)

        return log

    async def _send(self, severity: int, urn: str, line: str, ephemeral: bool = False) -> None:
        if self._stub is None:
            self._stub = engine_pb2_grpc.EngineStub(grpc.aio.insecure_channel(self._address))
        request = engine_pb2.LogRequest(severity=severity, urn=urn, message=line, ephemeral=ephemeral)  # type: ignore[arg-type]
        try:
            await self._stub.Log(request)
        except grpc.RpcError:
            return
