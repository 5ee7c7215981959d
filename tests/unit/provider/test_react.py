"""Units that were started together are waited for together, and the first error in their order is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from nodestate import NodeState, Readiness, Unit
from provider.changes import START, UnitStep
from provider.errors import NodeError
from provider.react import react

UNITS = ("a.service", "b.service", "c.service")


@dataclass
class Done:
    """The result of a script."""

    status: int
    stdout: str = ""
    report: str = ""
    failure: str = "failed"


class Session:
    """A node on which a unit is ready, or fails, once all are waited for."""

    name = "n1"

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.failing = failing
        self.barrier = asyncio.Barrier(len(UNITS))
        self.ended = 0

    async def run(self, operation: str, script: str, **_: Any) -> Done:
        if operation != "ready":
            return Done(0)
        [unit] = [one for one in UNITS if f"unit={one}" in script or f"unit='{one}'" in script]
        async with asyncio.timeout(5):
            await self.barrier.wait()
        self.ended += 1
        return Done(1 if unit in self.failing else 0, "inactive")

    async def try_run(self, operation: str, script: str, **_: Any) -> Done:
        return Done(0, "its last words")


async def started(session: Session) -> None:
    state = NodeState(units={one: Unit() for one in UNITS}, readiness=tuple(Readiness(one) for one in UNITS))
    steps = tuple(UnitStep(one, START, "it is not there yet") for one in UNITS)

    async def log(text: str, *, ephemeral: bool = False) -> None:
        pass

    await react(session, steps, state, "n1-proof", log)  # type: ignore[arg-type]


def test_units_are_waited_for_at_once() -> None:
    async def run() -> None:
        session = Session()
        await started(session)
        assert session.ended == len(UNITS)

    asyncio.run(run())


def test_first_error_is_told_once_all_have_ended() -> None:
    async def run() -> None:
        session = Session(("b.service", "c.service"))
        with pytest.raises(NodeError, match=r"n1: b\.service is not ready: it is inactive"):
            await started(session)
        assert session.ended == len(UNITS)

    asyncio.run(run())
