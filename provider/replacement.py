"""The plan of a creation that replaces a resource: what its deletion removes is part of the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nodestate import Declared, NodeStateInputs
from nodestate.secret import is_unknown
from provider import changes
from provider.changes import FileChange, UnitStep
from provider.handover import leaving_to
from provider.observed import Observed, ObservedFile
from provider.plan import Plan, make_plan
from provider.remote.units import UNIT_FOLDER

REPLACED = "the node becomes another machine"


def replacement_plan(
    former: Observed, found: Observed | None, wanted: NodeStateInputs, elsewhere: Mapping[str, Declared]
) -> Plan:
    """Deletion and creation as one plan.

    `former` is the replaced resource as it is stored, `found` what was observed where the new one will be, with the paths
    of both; None if that machine cannot be read. `elsewhere` is what other components declare: the deletion leaves it.
    """
    if found is not None and same_machine(former, wanted):
        return on_the_same_machine(leaving_to(found, elsewhere), wanted)
    plan = make_plan(found or Observed.nothing(wanted), wanted)
    if found is not None and _same_place(former, wanted):
        return plan  # a machine that was installed again: the former one is gone with all that ran there
    handed = leaving_to(former, elsewhere).handed_over
    ran = {name for name, unit in former.units.items() if unit.active and name not in handed}
    return replace(plan, steps=_restarted(plan.steps, ran))


def _same_place(former: NodeStateInputs, wanted: NodeStateInputs) -> bool:
    if is_unknown(former.connection) or is_unknown(wanted.connection):
        return False
    return (former.connection.host, former.connection.port) == (wanted.connection.host, wanted.connection.port)


def same_machine(former: NodeStateInputs, wanted: NodeStateInputs) -> bool:
    """Whether the deletion works on the machine on which the creation follows."""
    return _same_place(former, wanted) and former.connection.host_key == wanted.connection.host_key


def on_the_same_machine(found: Observed, wanted: NodeStateInputs) -> Plan:
    """Deletion and creation as one plan, on the machine of `found`."""
    update = make_plan(found, wanted)
    own = {name for name in found.units if f"{UNIT_FOLDER}{name}" in found.files}
    deleted = replace(
        found,
        files={},
        units={name: unit for name, unit in found.units.items() if name not in own},
        journal=(),
        unmarked=True,
    )
    creation = make_plan(deleted, wanted)
    files = [_written(one, found.files.get(one.path)) for one in creation.files]
    files += [one for one in update.files if one.removes]
    return replace(
        creation,
        files=tuple(sorted(files, key=lambda one: one.path)),
        directories=update.directories,
        steps=_restarted(creation.steps, {name for name in own if found.units[name].active}),
        refused=update.refused,
    )


def _written(change: FileChange, before: ObservedFile | None) -> FileChange:
    """A file that is removed and made again is written."""
    if before is None:
        return change
    return replace(change, attributes=("content" if before.source is None else "source",), because=REPLACED)


def _restarted(steps: tuple[UnitStep, ...], ran: set[str]) -> tuple[UnitStep, ...]:
    """The steps of a creation, where these units run now: they stop, and most start again."""
    again = [replace(step, action=changes.RESTART, because=REPLACED) if step.unit in ran else step for step in steps]
    stopped = ran - {step.unit for step in again}
    again += [UnitStep(unit, changes.STOP, REPLACED) for unit in stopped]
    return tuple(sorted(again, key=lambda step: step.unit))
