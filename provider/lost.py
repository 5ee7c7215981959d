"""Creations whose result was lost: the node has the component, and neither the state nor the program knows it.

It happens where the engine or the provider is killed while a resource is created, and the program is then reverted. The
engine has nothing to delete; the node's own notes tell of the component (remote/owners.py). A resource that was taken out of
the state by hand looks the same, and so may one that the program dropped and that a run with `--target` left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from nodestate import Declared, NodeStateInputs, vocabulary
from provider.changes import REMOVED, STOP, FileChange, UnitStep
from provider.engine import Log
from provider.errors import NodeError
from provider.handover import names
from provider.observed import Observed
from provider.plan import Plan
from provider.remote import scripts
from provider.remote.units import UNIT_FOLDER
from provider.ssh import SshSession

HOOKS = " hooks"

WORD, REMOVE = "PLUMBLINE_LOST", "remove"
"""The environment variable, and its value, by which a run removes lost components."""


def stack_note(urn: str, wanted: NodeStateInputs) -> str:
    """The note on the node: the stack that declares the component, and whether it has pre-delete hooks."""
    return stack_of(urn, wanted.node) + (HOOKS if wanted.pre_delete else "")


def stack_of(urn: str, node: str) -> str:
    """Stack and project of a URN, and the node: two names of one machine have their components apart."""
    return "::".join([*urn.split("::")[:2], node])


class LostCreations:
    """Finds them, once a run has read every resource of the state: a refresh reads them before the program runs."""

    def __init__(self) -> None:
        self._in_state: set[str] = set()
        self._remover: dict[tuple[str, str], str] = {}

    def stored(self, component: str) -> None:
        """Notes that the state has this component."""
        self._in_state.add(component)

    def find(self, urn: str, component: str, wanted: NodeStateInputs, found: Observed) -> tuple[list[str], list[str]]:
        """The lost components of a node that `component`, the first to ask, removes; and those that it only names.

        None unless the run has read all that the program declares for the node. Even then a run with `--target` may not have
        read what the program has dropped and the state still has: so they are removed only if PLUMBLINE_LOST=remove says so.
        Nor are those removed that have pre-delete hooks, which nobody knows.
        """
        if wanted.declared_elsewhere is None:
            return [], []
        declared = {component, *map(component_name, wanted.declared_elsewhere)}
        if not declared <= self._in_state:
            return [], []
        lost = {name: note for name, note in found.stacks.items() if name not in self._in_state}
        ours = {name: note for name, note in lost.items() if note.removesuffix(HOOKS) == stack_of(urn, wanted.node)}
        mine = [name for name in sorted(ours) if self._remover.setdefault((wanted.node, name), component) == component]
        said = os.environ.get(WORD) == REMOVE
        removed = [one for one in mine if said and not ours[one].endswith(HOOKS)]
        return removed, [one for one in mine if one not in removed and found.owned.get(one)]


def component_name(resource: str) -> str:
    """A resource's own name, safe as a file name."""
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in resource)


BECAUSE = "this stack created it, and neither its state nor the program has it"


def lines(node: str, lost: tuple[str, ...]) -> Iterator[str]:
    """The lines that announce the removal."""
    for name in lost:
        yield f"{node}: {name} will be removed because {BECAUSE}"


def plan(found: Observed, wanted: NodeStateInputs) -> Plan:
    """The removal of the lost components: their paths and units, but for those that the program declares."""
    spared = _declared(wanted)
    items = {item: name for name in found.lost for item in found.owned.get(name, ()) if item not in spared}
    paths = [item for item in items if item.startswith("/")]
    folders = {item for item in paths if any(other.startswith(f"{item}/") for other in paths)}

    def removed(item: str) -> FileChange:
        return FileChange(item, (REMOVED,), because=f"{items[item]}: {BECAUSE}")

    return Plan(
        files=tuple(removed(item) for item in sorted({*paths} - folders)),
        directories=tuple(removed(item) for item in sorted(folders)),
        steps=tuple(
            UnitStep(item, STOP, f"{UNIT_FOLDER}{item} is removed")
            for item in sorted(items)
            if f"{UNIT_FOLDER}{item}" in items
        ),
    )


def _declared(wanted: NodeStateInputs) -> set[str]:
    return names({"": Declared.of(wanted), **(wanted.declared_elsewhere or {})})


def refusal(node: str, name: str) -> str:
    """The warning for a component that is only named."""
    return (
        f"{node}: {name} is on the node: {BECAUSE}. To remove it, run once with {WORD}={REMOVE} and without --target, or, if it "
        "has pre-delete hooks, declare it again and run `pulumi up`, then remove it from the program"
    )


async def remove(session: SshSession, found: Observed, wanted: NodeStateInputs, log: Log) -> None:
    """Undoes what is open in the journal of each, and removes all that it owns and the program does not declare: it may be
    a component that was renamed. Raises NodeError."""
    declared = _declared(wanted)
    for name in found.lost:
        await log(f"{session.name}: removing {name} because {BECAUSE}")
        for step in plan(replace(found, lost=(name,)), wanted).steps:
            await log(f"{session.name}: {vocabulary.doing(step.unit, step.action, step.because)}")
        deletion = scripts.delete_script(
            files=[], shared_files=[], directories=[], retired=[], component=name, spared=declared, keep_moved=True
        )
        for purpose, script in (("begin", scripts.owners_script(name, [])), ("delete", deletion)):
            done = await session.run(purpose, script, hiding=[wanted])
            left = scripts.left(done.stdout)
            if done.status != 0 or left:
                listed = "; ".join(f"{path} ({why})" for path, why in sorted(left.items()))
                raise NodeError(f"{session.name}: removing {name} failed: {listed or done.failure}")
