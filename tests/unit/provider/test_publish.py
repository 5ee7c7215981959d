"""Rows that an engine does not take: it is told, and the run goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import resource_status_pb2_grpc

from provider.calls import Call
from provider.views import Row, publish

ROW = Row("File", "n1:/etc/a", "create", {"change": "added"})


class Status(resource_status_pb2_grpc.ResourceStatusServicer):
    """An engine that answers with a status code."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code

    async def PublishViewSteps(self, request: Any, context: Any) -> Any:
        await context.abort(self.code, "no")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(grpc.StatusCode.UNIMPLEMENTED, None), (grpc.StatusCode.INVALID_ARGUMENT, "invalid argument")],
)
def test_rows_that_are_refused_are_told(code: grpc.StatusCode, reason: str | None) -> None:
    async def scene() -> str | None:
        server = grpc.aio.server()
        resource_status_pb2_grpc.add_ResourceStatusServicer_to_server(Status(code), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            return await publish(Call(f"127.0.0.1:{port}", "token", {}), [ROW])
        finally:
            await server.stop(None)

    assert asyncio.run(scene()) == reason


def test_engine_without_views_is_not_asked() -> None:
    assert asyncio.run(publish(Call("", "", {}), [ROW])) is None
