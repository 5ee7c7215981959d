"""Lines in the engine's own display, on the resource they are about."""

from __future__ import annotations

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Engine:
    """The engine that started this plugin. A line that cannot be delivered is dropped: it never fails a run."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stub: engine_pb2_grpc.EngineStub | None = None
        self._announced: set[tuple[str, str]] = set()

    async def announce(self, urn: str, line: str) -> None:
        """A line of the plan, once a run: the engine asks for a difference more than once."""
        if (urn, line) not in self._announced:
            self._announced.add((urn, line))
            await self._log(engine_pb2.INFO, urn, line)

    async def warn(self, urn: str, line: str) -> None:
        """Something that the user must know of and that fails nothing."""
        await self._log(engine_pb2.WARNING, urn, line)

    async def progress(self, urn: str, line: str, passing: bool = False) -> None:
        """What is being done now; `passing` is shown only while it lasts."""
        await self._log(engine_pb2.INFO, urn, line, passing)

    async def _log(self, severity: int, urn: str, line: str, passing: bool = False) -> None:
        if self._stub is None:
            self._stub = engine_pb2_grpc.EngineStub(grpc.aio.insecure_channel(self._address))
        request = engine_pb2.LogRequest(severity=severity, urn=urn, message=line, ephemeral=passing)  # type: ignore[arg-type]
        try:
            await self._stub.Log(request)
        except grpc.RpcError:
            return
