"""Deletion of a resource: its files, its directories if they are empty, and the units whose files it owned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nodestate import NodeStateInputs
from provider import react
from provider.engine import Engine
from provider.errors import HostKeyMismatch, NodeError, Unreachable
from provider.observed import Observed, ObservedUnit
from provider.remote.scripts import delete_script
from provider.remote.units import UNIT_FOLDER
from provider.rollout import Disruption, Rollouts
from provider.ssh import SshSession


async def delete_state(
    engine: Engine, rollouts: Rollouts, urn: str, change: Disruption, state: Observed, asked: NodeStateInputs
) -> None:
    """Removes what `state`, or the inputs that were `asked` for, put on the node, in the slot of its rollout group.

    The pre-delete hooks run first and decide whether a member may leave. Raises NodeError; a machine with another host key is
    not ours any more: a warning.
    """
    whole = _united(state, asked)
    try:
        async with rollouts.leaving(change):
            await _delete(change, whole)
    except HostKeyMismatch as error:
        # The machine that this state was on is gone, and the one that answers is not ours.
        await engine.warn(urn, f"{error}. Nothing was removed from the former machine")
    except Unreachable as error:
        raise NodeError(
            f"{error}: its files and units cannot be removed. If the machine is gone for good, "
            f"`pulumi state delete '{urn}'`, then run pulumi again"
        ) from None


async def _delete(change: Disruption, state: Observed) -> None:
    session: SshSession = change.session
    own = [name for name in state.units if f"{UNIT_FOLDER}{name}" in state.files]
    await react.pre_delete(session, state)
    for name in own:
        if state.units[name].active:
            await change.log(f"{session.name}: stopping {name} because {UNIT_FOLDER}{name} is removed")
    script = delete_script(
        files=[path for path, file in state.files.items() if not file.block],
        shared_files=[path for path, file in state.files.items() if file.block],
        directories=list(state.directories),
        retired=own,
        component=change.component,
    )
    writes = len(state.files) + len(own)
    done = await session.run("delete", script, hiding=[state], writes=writes, paths=tuple(state.files))
    if done.status != 0:
        raise NodeError(f"{session.name}: removing its files failed: {done.failure}")


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
