"""The unit half of a plan: settings that disrupt nothing, and one step per unit, the strongest, with its cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from nodestate import NodeStateInputs, Reaction
from provider.changes import (
    DAEMON_RELOAD,
    DISABLE,
    ENABLE,
    LEFT_BEHIND,
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
from provider.install import install_links, unit_text
from provider.observed import Observed, ObservedUnit
from provider.remote.units import UNIT_FOLDER

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
        lasting = before is not None and before.enabled and not (before.runtime and not before.masked)
        if before is None or (unit.enabled and not lasting) or (before.enabled and not unit.enabled):
            verbs.append(ENABLE if unit.enabled else DISABLE)
        elif unit.enabled and _other_links(name, found, wanted):
            verbs.append(REENABLE)
        if verbs:
            settings[name] = tuple(verbs)
    settings |= {name: (DISABLE,) for name in leaving(found, wanted) if found.units[name].enabled}
    for entry in found.journal:
        unit_left = found.units.get(entry.subject)
        if entry.act == "setting" and entry.subject not in wanted.units and unit_left is not None:
            if unit_left.enabled and entry.detail in ("disabled", "-", ""):
                settings[entry.subject] = (DISABLE,)
            elif not unit_left.enabled and entry.detail == "enabled" and entry.subject not in leaving(found, wanted):
                settings[entry.subject] = (ENABLE,)
    return settings


def setting_causes(found: Observed, wanted: NodeStateInputs, settings: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Why each unit's settings change."""
    return {name: ", ".join(_setting_cause(verb, name, found, wanted) for verb in settings[name]) for name in settings}


def _setting_cause(verb: str, name: str, found: Observed, wanted: NodeStateInputs) -> str:
    before = found.units.get(name)
    if before is None:
        return "it is not there yet"
    if name not in wanted.units:
        return f"{UNIT_FOLDER}{name} is removed" if name in leaving(found, wanted) else LEFT_BEHIND
    return {
        UNMASK: "it was masked at run time" if before.runtime else "it was found masked",
        ENABLE: "it was enabled at run time only" if before.enabled else "it was found disabled",
        DISABLE: "it should not start at boot",
        REENABLE: "its [Install] section asks for other links",
        DAEMON_RELOAD: "systemd has read other files of it than there are now",
    }[verb]


SAID = {
    UNMASK: "unmasked",
    ENABLE: "enabled",
    DISABLE: "disabled",
    REENABLE: "enabled again",
    DAEMON_RELOAD: "read again by systemd",
}


def setting_lines(settings: Mapping[str, tuple[str, ...]], causes: Mapping[str, str], found: Observed) -> Iterator[str]:
    """A line for each existing unit: what is done to it, and why."""
    for name, verbs in settings.items():
        if name in found.units:
            yield f"{name} will be {' and '.join(SAID[verb] for verb in verbs)} because {causes[name]}"


def _other_links(name: str, found: Observed, wanted: NodeStateInputs) -> bool:
    """Whether the links that enable a unit are not those that its file asks for."""
    expected = install_links(name, unit_text(name, wanted.files))
    if expected is None:
        return False
    if links := found.units[name].links:
        return frozenset(links) != expected
    former = install_links(name, unit_text(name, found.files))
    return former is not None and former != expected


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
    # A unit that another component has taken over still follows the files of this one, if the program says so.
    skipped = {*ending, *(found.handed_over.keys() - {one.unit for one in wanted.reactions})}
    candidates = [
        *_reactions(found, wanted, files),
        *_left(found, wanted),
        *(UnitStep(one.unit, RESTART, f"{one.path} is moved aside") for one in moved if one.unit),
        *(UnitStep(one.unit, _repair(one.unit, wanted), one.because) for one in probes),
        *_conditions(found, wanted, {one.path for one in files if one.rewrites}),
    ]
    for step in candidates:
        known = steps.get(step.unit)
        if step.unit in skipped:
            continue
        if known is None or STRENGTH[step.action] > STRENGTH[known.action]:
            steps[step.unit] = step
        elif step.action == known.action and step.action != SELF_RELOAD and step.because not in known.because:
            steps[step.unit] = replace(known, because=f"{known.because}; {step.because}")
    for name in ending:
        if found.units[name].active:
            steps[name] = UnitStep(name, STOP, f"{UNIT_FOLDER}{name} is removed")
    return tuple(step for name, step in sorted(steps.items()) if not _idle(step, wanted))


def _reactions(found: Observed, wanted: NodeStateInputs, files: tuple[FileChange, ...]) -> Iterator[UnitStep]:
    # The reactions of a removed file may be removed with it.
    changed = {one.path for one in files if one.rewrites}
    removed = {one.path for one in files if one.removes}
    for reaction in sorted(wanted.reactions, key=_files):
        yield from _reaction(reaction, changed)
    for reaction in sorted(found.reactions, key=_files):
        if not _dropped(reaction.unit, found, wanted):
            yield from _reaction(reaction, removed)


def _files(reaction: Reaction) -> tuple[str, ...]:
    return tuple(sorted(reaction.files))


def _reaction(reaction: Reaction, changed: set[str]) -> Iterator[UnitStep]:
    if causes := sorted(changed & set(reaction.files)):
        because = f"{', '.join(causes)} change{'s' if len(causes) == 1 else ''}"
        yield UnitStep(reaction.unit, reaction.action, because, reaction)


def _dropped(unit: str, found: Observed, wanted: NodeStateInputs) -> bool:
    """Whether the program drops a unit that does not run: no removed file starts it."""
    return unit not in wanted.units and unit in found.units and not found.units[unit].active


def _left(found: Observed, wanted: NodeStateInputs) -> Iterator[UnitStep]:
    """The steps that an interrupted run left: for a unit with a swapped file and without its reaction since."""
    acts = {one.subject: one.act for one in found.journal if one.act in ("file", "absent", "block", "noblock")}
    swapped = acts.keys() - {one.subject for one in found.journal if one.act == "unswapped"}
    waiting: dict[str, str] = {}
    for line in found.journal:
        if line.act == "react":
            waiting[line.subject] = max(line.detail, waiting.get(line.subject, SELF_RELOAD), key=_strength)
        elif line.act == "reacted":
            waiting.pop(line.subject, None)
        elif line.act == "started" and line.subject not in wanted.units:
            unit_left = found.units.get(line.subject)
            if unit_left is not None and unit_left.active:
                yield UnitStep(line.subject, STOP, LEFT_BEHIND)
        elif line.act == "earlier" and line.subject in {*wanted.units, *(one.unit for one in wanted.reactions)}:
            yield _unfinished(line.detail, line.subject, wanted)
    for unit, action in waiting.items():
        files = {path for one in (*wanted.reactions, *found.reactions) if one.unit == unit for path in one.files}
        if (swapped & files if files else swapped) and not _dropped(unit, found, wanted):
            yield _unfinished(action, unit, wanted)


def _repair(unit: str, wanted: NodeStateInputs) -> str:
    """The action for a probe that differs: a unit that takes in all its files by a reload brings its effect about by one, too."""
    actions = {one.action for one in wanted.reactions if one.unit == unit}
    return RELOAD if actions == {RELOAD} else RESTART


def _strength(action: str) -> int:
    return STRENGTH.get(action, STRENGTH[RESTART])


def _unfinished(action: str, unit: str, wanted: NodeStateInputs) -> UnitStep:
    """A self-reload that is no longer declared becomes a restart."""
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
            times = "once" if before.restarts == 1 else f"{before.restarts} times"
            yield UnitStep(name, RESTART, f"it restarts again and again ({times})")
        elif not before.active:
            yield UnitStep(name, START, _stopped(before))
        elif older := [path for path in before.stale if path in _restarting(name, wanted) - changed]:
            yield UnitStep(name, RESTART, f"it runs with files older than {', '.join(older)}")


def _restarting(unit: str, wanted: NodeStateInputs) -> set[str]:
    return {path for one in wanted.reactions if (one.unit, one.action) == (unit, RESTART) for path in one.files}


def _stopped(unit: ObservedUnit) -> str:
    if unit.masked:
        return "it was masked at run time" if unit.runtime else "it was found masked"
    return "it was found failed" if unit.failed else "it was found stopped"


def _idle(step: UnitStep, wanted: NodeStateInputs) -> bool:
    """A unit that should not run is not restarted for its files."""
    unit = wanted.units.get(step.unit)
    return unit is not None and not unit.active and step.action != STOP
