"""Costs of Pulumi's SDK for Python that grow with the resources, left out (docs/performance.md)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

import pulumi
from pulumi.runtime import resource as sdk
from pulumi.runtime.proto import source_pb2

DEBUG = "PLUMBLINE_DEBUG"
"""The environment variable: with it, the SDK sends its messages for `pulumi --debug`."""

MAIN = "/__main__.py"


def leave_out_debug_messages() -> None:
    """Has the SDK send none of its debug messages: it waits for the engine's answer to each, five times per resource.

    The engine shows them with `--debug` only, and does not tell the program whether it does.
    """
    if not os.environ.get(DEBUG):
        pulumi.log.debug = _nothing


def leave_out_frames_of_the_runtime() -> None:
    """Has the stack trace that the SDK sends with each resource of the program end at the program.

    The state keeps it. What is below `__main__.py` is eleven frames of the SDK and of Python, the same for each resource, with
    paths of the machine that ran it last. An SDK without this function sends what it sends.
    """
    whole = getattr(sdk, "_get_stack_trace", None)
    if whole is None:
        return

    def of_the_program() -> source_pb2.StackTrace:
        trace: source_pb2.StackTrace = whole()
        of_main = [place for place, frame in enumerate(trace.frames) if frame.pc.uri.endswith(MAIN)]
        del trace.frames[of_main[0] + 1 if of_main else len(trace.frames) :]
        return trace

    setattr(sdk, "_get_stack_trace", of_the_program)  # noqa: B010 - not declared


async def answered(resources: Iterable[pulumi.Resource]) -> None:
    """Waits until the engine has answered the registration of each resource, or has refused it.

    The SDK waits by itself at the program's end, but goes through all open outputs each time one of them is known: its time
    grows with their square. Errors are left to it: it raises them afterwards.
    """
    await asyncio.gather(*(one.urn.future() for one in resources), return_exceptions=True)


def _nothing(*_: object, **__: object) -> None:
    """In place of pulumi.log.debug."""
