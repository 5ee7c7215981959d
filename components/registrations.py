"""Two costs of Pulumi's SDK for Python that grow with the resources, left out (docs/performance.md)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

import pulumi

DEBUG = "PLUMBLINE_DEBUG"
"""The environment variable: with it, the SDK sends its messages for `pulumi --debug`."""


def leave_out_debug_messages() -> None:
    """Has the SDK send none of its debug messages: it waits for the engine's answer to each, five times per resource.

    The engine shows them with `--debug` only, and does not tell the program whether it does.
    """
    if not os.environ.get(DEBUG):
        pulumi.log.debug = _nothing


async def answered(resources: Iterable[pulumi.Resource]) -> None:
    """Waits until the engine has answered the registration of each resource, or has refused it.

    The SDK waits by itself at the program's end, but goes through all open outputs each time one of them is known: its time
    grows with their square. Errors are left to it: it raises them afterwards.
    """
    await asyncio.gather(*(one.urn.future() for one in resources), return_exceptions=True)


def _nothing(*_: object, **__: object) -> None:
    """In place of pulumi.log.debug."""
