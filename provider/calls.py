"""The parts of the engine's requests that the SDK's experimental provider does not hand on."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from provider.values import Properties


@dataclass(frozen=True)
class Call:
    """One request of the engine: where its resource views are published, and the inputs as they are stored."""

    status_address: str = ""
    status_token: str = ""
    old_inputs: Properties = field(default_factory=dict)


CALL: ContextVar[Call] = ContextVar("call", default=Call())  # noqa: B039 - it is frozen
"""The request that the current task serves; __main__.py sets it."""
