"""Deletion of a resource: its files, its directories if they are empty, and the units whose files it owned."""

from __future__ import annotations

from collections.abc import Mapping

from nodestate import Declared
from provider.apply import delete
from provider.engine import Engine
from provider.errors import HostKeyMismatch, NodeError, Unreachable
from provider.handover import leaving_to, names
from provider.observed import Observed
from provider.rollout import Disruption, Rollouts


async def delete_state(
    engine: Engine, rollouts: Rollouts, urn: str, change: Disruption, state: Observed, kept: Mapping[str, Declared]
) -> None:
    """Removes what `state` names and what the component owns by its marks on the node, in the slot of its rollout group; what
    other components declare is `kept`.

    The state of a creation that failed names nothing: the journal on the node undoes it, or the marks tell of it. The
    pre-delete hooks run first and decide whether a member may leave. Raises NodeError; a machine with another host key is
    not ours any more: a warning.
    """
    whole = leaving_to(state, kept)
    try:
        async with rollouts.leaving(change):
            (await delete(change.session, whole, change.component, change.log, names(kept))).expect_done()
    except HostKeyMismatch as error:
        # The machine that this state was on is gone, and the one that answers is not ours.
        await engine.warn(urn, f"{error}. Nothing was removed from the former machine")
    except Unreachable as error:
        raise NodeError(
            f"{error}: its files and units cannot be removed. If the machine is gone for good, "
            f"`pulumi state delete '{urn}'`, then run pulumi again"
        ) from None
