"""A preview that must fail shows the other nodes first: the engine ends it with the first error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from provider import rollout
from provider.engine import Engine
from provider.errors import NodeError
from provider.execute import Execution
from provider.observations import Observations
from provider.rollout import Rollouts


def test_refused_node_waits_until_the_others_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    async def announce(_: Execution, change: Any) -> None:
        await asyncio.sleep(0.3 if change == "n2" else 0)
        shown.append(change)
        if change == "n1":
            raise NodeError("n1: /a is a directory: move it away")

    monkeypatch.setattr(Execution, "_announce", announce)
    monkeypatch.setattr(rollout, "SHOWN_SECONDS", 0.2)
    engine = Engine("")
    execution = Execution(engine, Observations(engine), Rollouts())

    async def preview(node: Any) -> None:
        await execution.announce(node)

    async def run() -> list[str]:
        others = asyncio.create_task(preview("n2"))
        with pytest.raises(NodeError, match="n1: /a is a directory"):
            await preview("n1")
        done = [*shown]
        await others
        return done

    assert asyncio.run(run()) == ["n1", "n2"]
