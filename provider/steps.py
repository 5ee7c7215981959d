"""The unit half of a plan: settings that disrupt nothing, and one step per unit, the strongest, with its cause."""

from __future__ import annotations

from collections.abc import Iterator

from nodestate import NodeStateInputs, Reaction
from provider.changes import (
    DAEMON_RELOAD,
    DISABLE,
    ENABLE,
    REENABLE,
    RELOAD,
    RESTART,
    SELF_RELOAD,
    START,
    STOP,
    STRENGTH,
    UNMASK,
    Aside,
    FileChange,
    ProbeChange,
    UnitStep,
)
from provider.observed import Observed, ObservedUnit
from provider.remote.units import UNIT_FOLDER

TIDY = "tidy"
INTERRUPTED = "an interrupted run changed its files"


def unit_settings(found: Observed, wanted: NodeStateInputs) -> dict[str, tuple[str, ...]]:
    """The verbs by unit: of each wanted unit, and of units that leave with their file."""
    settings: dict[str, tuple[str, ...]] = {}
    for name, unit in sorted(wanted.units.items()):
        before = found.units.get(name)
        verbs: list[str] = []
        if before is not None and before.masked:
            verbs.append(UNMASK)
        if before is not None and before.reload_needed:
            verbs.append(DAEMON_RELOAD)
        # A unit that is enabled at run time only is not enabled at the next boot.
        enabled = before is not None and before.enabled and not (before.runtime and not before.masked)
        if before is None or enabled != unit.enabled:
            verbs.append(ENABLE if unit.enabled else DISABLE)
        elif unit.enabled and before.links:
            verbs.append(REENABLE)
        if verbs:
            settings[name] = tuple(verbs)
    return settings | {name: (DISABLE,) for name in leaving(found, wanted) if found.units[name].enabled}


def leaving(found: Observed, wanted: NodeStateInputs) -> list[str]:
    """Units that end because their own file is removed. A unit whose file is not managed here stays as it is."""
    gone = {path for path in found.files if path not in wanted.files}
    return sorted(name for name in found.units if name not in wanted.units and f"{UNIT_FOLDER}{name}" in gone)


def unit_steps(
    found: Observed,
    wanted: NodeStateInputs,
    files: tuple[FileChange, ...],
    probes: tuple[ProbeChange, ...],
    moved: tuple[Aside, ...],
) -> tuple[UnitStep, ...]:
    """One step per unit, sorted by unit. A unit that leaves has no step but its stop."""
    steps: dict[str, UnitStep] = {}
    ending = leaving(found, wanted)
    candidates = [
        *_reactions(found, wanted, files),
        *_left(found, wanted),
        *(UnitStep(one.unit, RESTART, f"{one.path} is moved aside") for one in moved if one.unit),
        *(UnitStep(one.unit, RESTART, one.because) for one in probes),
        *_conditions(found, wanted, {one.path for one in files if one.rewrites}),
    ]
    for step in candidates:
        known = steps.get(step.unit)
        if step.unit not in ending and (known is None or STRENGTH[step.action] > STRENGTH[known.action]):
            steps[step.unit] = step
    for name in ending:
        if found.units[name].active:
            steps[name] = UnitStep(name, STOP, f"{UNIT_FOLDER}{name} is removed")
    return tuple(step for name, step in sorted(steps.items()) if not _idle(step, wanted))


def _reactions(found: Observed, wanted: NodeStateInputs, files: tuple[FileChange, ...]) -> Iterator[UnitStep]:
    # The reactions of a removed file may be removed with it.
    changed = {one.path for one in files if one.rewrites}
    removed = {one.path for one in files if one.removes}
    for reaction in wanted.reactions:
        yield from _reaction(reaction, changed)
    for reaction in found.reactions:
        yield from _reaction(reaction, removed)


def _reaction(reaction: Reaction, changed: set[str]) -> Iterator[UnitStep]:
    if causes := sorted(changed & set(reaction.files)):
        because = f"{', '.join(causes)} change{'s' if len(causes) == 1 else ''}"
        yield UnitStep(reaction.unit, reaction.action, because, reaction)


def _left(found: Observed, wanted: NodeStateInputs) -> Iterator[UnitStep]:
    """The steps that an interrupted run left. A self-reload that is no longer declared becomes a restart."""
    for entry in found.pending:
        action, _, unit = entry.rpartition(" ")
        if entry != TIDY:
            yield _unfinished(action, unit, wanted)


def _unfinished(action: str, unit: str, wanted: NodeStateInputs) -> UnitStep:
    known = [one for one in wanted.reactions if (one.unit, one.action) == (unit, SELF_RELOAD)]
    if action == SELF_RELOAD and known:
        return UnitStep(unit, SELF_RELOAD, INTERRUPTED, known[0])
    return UnitStep(unit, RELOAD if action == RELOAD else RESTART, INTERRUPTED)


def _conditions(found: Observed, wanted: NodeStateInputs, changed: set[str]) -> Iterator[UnitStep]:
    """The steps that the units' own state asks for."""
    for name, unit in wanted.units.items():
        before = found.units.get(name)
        if before is None:
            if unit.active:
                yield UnitStep(name, START, "it is not there yet")
        elif not unit.active:
            if before.active:
                yield UnitStep(name, STOP, "it should not run")
        elif before.looping:
            yield UnitStep(name, RESTART, f"it restarts again and again ({before.restarts} times)")
        elif not before.active:
            yield UnitStep(name, START, _stopped(before))
        elif older := [path for path in before.stale if path not in changed]:
            yield UnitStep(name, RESTART, f"it runs with files older than {', '.join(older)}")


def _stopped(unit: ObservedUnit) -> str:
    if unit.masked:
        return "it was masked at run time" if unit.runtime else "it was found masked"
    return "it was found failed" if unit.failed else "it was found stopped"


def _idle(step: UnitStep, wanted: NodeStateInputs) -> bool:
    """A unit that should not run is not restarted for its files."""
    unit = wanted.units.get(step.unit)
    return unit is not None and not unit.active and step.action != STOP
