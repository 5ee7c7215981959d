"""Deletion of a resource: its files, its directories if they are empty, and the units whose files it owned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nodestate import Declared, NodeStateInputs
from provider.apply import delete
from provider.engine import Engine
from provider.errors import HostKeyMismatch, NodeError, Unreachable
from provider.handover import leaving_to
from provider.observed import Observed, ObservedUnit
from provider.rollout import Disruption, Rollouts


async def delete_state(
    engine: Engine,
    rollouts: Rollouts,
    urn: str,
    change: Disruption,
    state: Observed,
    asked: NodeStateInputs,
    kept: Mapping[str, Declared],
) -> None:
    """Removes what `state`, or the inputs that were `asked` for, put on the node, in the slot of its rollout group; what
    other components declare is `kept`.

    The pre-delete hooks run first and decide whether a member may leave. Raises NodeError; a machine with another host key is
    not ours any more: a warning.
    """
    whole = leaving_to(_united(state, asked), kept)
    try:
        async with rollouts.leaving(change):
            (await delete(change.session, whole, change.component, change.log)).expect_done()
    except HostKeyMismatch as error:
        # The machine that this state was on is gone, and the one that answers is not ours.
        await engine.warn(urn, f"{error}. Nothing was removed from the former machine")
    except Unreachable as error:
        raise NodeError(
            f"{error}: its files and units cannot be removed. If the machine is gone for good, "
            f"`pulumi state delete '{urn}'`, then run pulumi again"
        ) from None


def _united(state: Observed, asked: NodeStateInputs) -> Observed:
    units = {name: ObservedUnit(one.enabled, one.active) for name, one in asked.units.items()}
    files: dict[str, Any] = {**asked.files, **state.files}
    directories: dict[str, Any] = {**asked.directories, **state.directories}
    return replace(
        state,
        files=files,
        directories=directories,
        units={**units, **state.units},
    )
