"""Brings a node to its desired state by one transaction: stage, verify, swap, react once per unit, check, finish; or undo."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from nodestate import NodeStateInputs, vocabulary
from provider.engine import Log
from provider.errors import NodeError
from provider.observed import Installed, Observed
from provider.outcome import Confirm, Outcome, Status
from provider.plan import Plan
from provider.react import pre_delete
from provider.remote import scripts
from provider.remote.units import UNIT_FOLDER
from provider.ssh import SshSession
from provider.transaction import Transaction


async def apply(
    session: SshSession,
    plan: Plan,
    found: Observed,
    wanted: NodeStateInputs,
    component: str,
    log: Log,
    *,
    installed: Mapping[str, Installed] | None = None,
    confirm: Confirm | None = None,
    stack: str = "",
) -> Outcome:
    """Does exactly what `plan` names; `found` is the observation that it was made from.

    An empty plan only claims the owner marks. `installed` are the downloads as they were installed before; `stack` is noted
    on the node as the component's (lost.py). Each step is logged. It never raises NodeError: if anything fails, `confirm`
    included, the node is put back as it was found, and the outcome tells what failed and what was done about it.
    """
    known = found.installed if installed is None else installed
    work = Transaction(session, plan, found, wanted, component, log, known, stack)
    try:
        await work.stage()
        await work.verify()
    except NodeError as failure:
        return await work.abandon(failure)
    try:
        await work.commit()
        await work.react()
        await work.probe()
        if confirm is not None:
            await confirm()
    except NodeError as failure:
        return await work.roll_back(str(failure))
    return await work.finish()


async def delete(
    session: SshSession, state: Observed, component: str, log: Log, elsewhere: Collection[str] = ()
) -> Outcome:
    """Removes the files, blocks and directories of `state`, and the units whose files they are, after the pre-delete hooks.

    What another component has claimed, or declares (`elsewhere`), is left alone, its hooks and units included. What could
    not be removed is named. Raises Unreachable or HostKeyMismatch if nothing was removed since the node cannot be reached.
    """
    # The journal puts back a file of others that a broken run replaced: it stays.
    files = {path: one for path, one in state.files.items() if one.block or not one.replaced}
    state = replace(state, files=files)
    own = [name for name in state.units if f"{UNIT_FOLDER}{name}" in state.files]
    items = [*state.files, *state.directories, *state.units]
    begun = await session.run("begin", scripts.owners_script(component, items), hiding=[state])
    if begun.status != 0:
        return Outcome(Status.UNDONE, error=f"{session.name}: nothing was removed: {begun.failure}")
    handed = {**state.handed_over, **scripts.handed(begun.report)}
    for item, other in sorted(handed.items()):
        await log(f"{session.name}: {item} is left alone: {other} has it now")
    try:
        await pre_delete(
            session, replace(state, pre_delete=tuple(one for one in state.pre_delete if one.unit not in handed))
        )
        for name in own:
            if name not in handed and state.units[name].active:
                await log(
                    f"{session.name}: {vocabulary.doing(name, vocabulary.STOP, f'{UNIT_FOLDER}{name} is removed')}"
                )
        script = scripts.delete_script(
            files=[path for path, file in state.files.items() if not file.block],
            shared_files=[path for path, file in state.files.items() if file.block],
            directories=list(state.directories),
            retired=own,
            component=component,
            spared=elsewhere,
        )
        writes = len(state.files) + len(own)
        done = await session.run("delete", script, hiding=[state], writes=writes, paths=tuple(state.files))
    except NodeError as failure:
        return Outcome(Status.UNKNOWN, error=str(failure))
    left = scripts.left(done.stdout)
    if done.status != 0 or left:
        listed = "; ".join(f"{path} ({why})" for path, why in sorted(left.items()))
        told = f": left there: {listed}" if left else f": {done.failure}"
        error = f"{session.name}: removing its files failed{told}"
        return Outcome(Status.UNKNOWN, error=error, left=tuple(sorted(left)))
    return Outcome(Status.DONE)
