"""Started by the engine, as the project's own provider is. A folder that is missing is a node that does not answer."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
from pulumi.provider.experimental import provider as api
from pulumi.runtime.proto import provider_pb2_grpc

from nodestate import vocabulary as words
from provider.calls import CALL
from provider.engine import Engine
from provider.server import VERSION, Servicer
from provider.values import received, sent
from provider.views import Row, publish

NODES = "SANDBOX_NODES"


class Nodes(api.Provider):
    """Files of nodes; each changed one restarts the kubelet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        return api.CheckResponse(request.new_inputs, [])

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        old, new = received(request.old_state), received(request.new_inputs)
        keys = [f'files["{path}"].content' for path in _changed(old, new)]
        if old["connection"] != new["connection"]:
            keys.append("connection")
        detail = {key: api.PropertyDiff(api.PropertyDiffKind.UPDATE, False) for key in keys}
        return api.DiffResponse(changes=bool(keys), replaces=[], delete_before_replace=False, detailed_diff=detail)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        if not request.preview:
            _write(received(request.properties))
        return api.CreateResponse("" if request.preview else "made", dict(request.properties))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        old, new = received(request.olds), received(request.news)
        if request.preview:
            await publish(CALL.get(), list(_rows(new["node"], _changed(old, new))))
        else:
            _write(new)
        return api.UpdateResponse(dict(request.news))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        inputs = received(request.inputs)
        if not _folder(inputs).is_dir():
            await self._engine.warn(request.urn, f"{inputs['node']}: no answer: {words.NOT_READ}")
            return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))
        found = {
            path: {**file, "content": (_folder(inputs) / path.lstrip("/")).read_text()}
            for path, file in inputs["files"].items()
        }
        return api.ReadResponse(request.resource_id, {**request.inputs, "files": sent(found)}, dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        """Nothing is left elsewhere."""


def _folder(inputs: Mapping[str, Any]) -> Path:
    return Path(os.environ[NODES]) / str(inputs["node"])


def _write(inputs: Mapping[str, Any]) -> None:
    for path, file in inputs["files"].items():
        target = _folder(inputs) / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file["content"])


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [path for path, file in new["files"].items() if old["files"].get(path) != file]


def _rows(node: str, changed: list[str]) -> Iterator[Row]:
    for path in changed:
        yield Row(words.FILE, words.row_name(node, path), "update", {words.CHANGE: "content"})
        facts = {words.ACTION: words.RESTART, words.BECAUSE: f"{path} changes", words.ORDER: "1 of 1"}
        yield Row(words.UNIT_STEP, words.row_name(node, "kubelet.service"), "update", facts)


async def serve(engine: str) -> None:
    """Serves until the engine ends the process."""
    server = grpc.aio.server()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(
        Servicer(sys.argv[1:], VERSION, Nodes(Engine(engine)), engine_address=engine), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(next(one for one in sys.argv[1:] if not one.startswith("-"))))
