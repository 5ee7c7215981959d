"""The provider's process: serves the engine on a loopback port and prints that port."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from provider.calls import CALL, Call
from provider.engine import Engine
from provider.errors import NodeError, PartlyDone
from provider.plumbline import PlumblineProvider

VERSION = "0.1.0"
OPEN_FILES = 65536
Method = Callable[[Any, Any], Awaitable[Any]]


class Servicer(ProviderServicer):
    """Turns errors into messages without a traceback and without values: the engine shows them as they are."""

    async def Check(self, request: Any, context: Any) -> Any:
        return await _with_plain_errors(super().Check, request, context)

    async def Diff(self, request: Any, context: Any) -> Any:
        return await _with_plain_errors(super().Diff, request, context)

    async def Create(self, request: Any, context: Any) -> Any:
        return await _with_plain_errors(super().Create, request, context)

    async def Update(self, request: Any, context: Any) -> Any:
        return await _with_plain_errors(super().Update, request, context)

    async def Read(self, request: Any, context: Any) -> Any:
        return await _with_plain_errors(super().Read, request, context)

    async def Delete(self, request: Any, context: Any) -> Any:
        return await _with_plain_errors(super().Delete, request, context)


def _call(request: Any) -> Call:
    """The parts of a request that the base class drops."""
    old_inputs = getattr(request, "old_inputs", None)
    return Call(
        getattr(request, "resource_status_address", ""),
        getattr(request, "resource_status_token", ""),
        PropertyValue.unmarshal_map(old_inputs) if old_inputs is not None else {},
    )


async def _with_plain_errors(call: Method, request: Any, context: Any) -> Any:
    CALL.set(_call(request))
    details: tuple[tuple[str, bytes], ...] = ()
    try:
        return await call(request, context)
    except PartlyDone as error:
        message = str(error)
        details = _partly_done(error, message)
    except NodeError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 - its text may hold a secret: only its place is shown
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/provider/" in frame.filename and "/site-packages/" not in frame.filename]
        place = (own or frames)[-1]
        message = (
            f"{request.urn.rpartition('::')[2]}: the provider itself failed "
            f"({type(error).__name__} at {place.filename.rpartition('/')[2]}:{place.lineno}). Nothing is lost: "
            "run pulumi again, and report this if it happens again"
        )
    await context.abort(grpc.StatusCode.UNKNOWN, message, details)


def _partly_done(error: PartlyDone, message: str) -> tuple[tuple[str, bytes], ...]:
    """The details by which the engine keeps the resource in the state, marked as not initialized."""
    kept = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=PropertyValue.marshal_map(error.properties), reasons=[message]
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    status.details.add().Pack(kept)
    return (("grpc-status-details-bin", status.SerializeToString()),)


async def serve(engine: str) -> None:
    """Serves until the engine ends the process, or has ended itself."""
    # The engine's last word, once it wants nothing more. Python's own way out closes each connection in turn.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, os._exit, 0)
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    servicer = Servicer(sys.argv[1:], VERSION, PlumblineProvider(Engine(engine)), engine_address=engine)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.wait(
        [asyncio.create_task(server.wait_for_termination()), asyncio.create_task(_orphaned())],
        return_when=asyncio.FIRST_COMPLETED,
    )


def raise_open_files() -> None:
    """Raises this process's limit of open files as far as it may: each node has a connection, and 1,024 files are usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _orphaned() -> None:
    """Returns once the engine has ended: one that was killed cannot end its plugins."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1)


def main() -> None:
    """Serves the engine that the arguments name."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if not addresses:
        sys.exit("this is a Pulumi plugin: the engine starts it")
    raise_open_files()
    asyncio.run(serve(addresses[0]))
    # Threads and calls of a run whose engine has ended must not keep the process alive.
    os._exit(0)
