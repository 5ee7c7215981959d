"""A node in the model: what carrying out exactly a plan makes of an observed state; and random states of one node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from nodestate import Directory, File, Foreign, NodeStateInputs, Probe, Reaction, Unit
from nodestate.schema import Action
from provider.changes import (
    ADDED,
    DAEMON_RELOAD,
    DISABLE,
    ENABLE,
    REENABLE,
    RELOAD,
    REMOVED,
    RESTART,
    RESTORED,
    START,
    STOP,
    UNMASK,
)
from provider.observed import JournalEntry, Observed, ObservedDirectory, ObservedFile, ObservedUnit
from provider.plan import Plan
from tests.unit.provider.inputs import inputs, observed

NAMES = ("a", "b", "c")
PATHS = (*(f"/etc/proof/{name}" for name in NAMES), *(f"/etc/systemd/system/{name}.service" for name in NAMES))
FOLDERS = ("/etc/proof", "/etc/proof/d")
UNITS = tuple(f"{name}.service" for name in NAMES)
FOREIGN = ("/etc/proof/x", "/etc/proof/d/y")
SHARED_DROP_IN = "/etc/systemd/system/service.d/x.conf"
TEXTS, MODES, OWNERS, LABELS = ("one\n", "two\n", ""), ("0644", "0600"), ("root", "core"), (None, None, "etc_t")


def some(random: Random, keys: tuple[str, ...], value: Callable[[], Any]) -> dict[str, Any]:
    """A map of some of these keys."""
    return {key: value() for key in keys if random.random() < 0.5}


def few(random: Random, values: tuple[str, ...]) -> tuple[str, ...]:
    """Mostly none of these values, or some."""
    return tuple(one for one in values if random.random() < 0.15)


def wanted_state(random: Random) -> NodeStateInputs:
    """A wanted state: reactions name its files, and probes are brought about by units that run."""

    def file() -> File:
        return File(
            random.choice(TEXTS), None, random.choice(MODES), random.choice(OWNERS), block=random.random() < 0.2
        )

    def unit() -> Unit:
        return Unit(random.random() < 0.7, random.random() < 0.7, random.choice(list(Foreign)))

    files, units = some(random, PATHS, file), some(random, UNITS, unit)
    actions = (Action.RESTART, Action.RELOAD)
    reactions = [
        Reaction(random.choice(UNITS), random.choice(actions), (path,)) for path in files if random.random() < 0.5
    ]
    running = [name for name, one in units.items() if one.active]
    probes = {"fact": Probe("cat /proc/x", random.choice(TEXTS), running[0])} if running else {}
    folders = some(random, FOLDERS, lambda: Directory(random.choice(MODES), foreign=random.choice(list(Foreign))))
    state = inputs({})
    return replace(state, files=files, directories=folders, units=units, reactions=tuple(reactions), probes=probes)


def found_state(random: Random, wanted: NodeStateInputs) -> Observed:
    """Anything that a read may find of a wanted state and of a former one, after a broken run or not."""

    def file(path: str) -> ObservedFile:
        # A read looks for lines where lines are wanted, else for the whole file.
        block = wanted.files[path].block if path in wanted.files else random.random() < 0.2
        return ObservedFile(
            random.choice(TEXTS),
            None,
            random.choice(MODES),
            random.choice(OWNERS),
            "root",
            block,
            label=random.choice(LABELS),
        )

    def folder() -> ObservedDirectory:
        return ObservedDirectory(random.choice(MODES), label=random.choice(LABELS), entries=few(random, FOREIGN))

    def unit(name: str) -> ObservedUnit:
        watched = {
            path: None for one in wanted.reactions if (one.unit, one.action) == (name, "restart") for path in one.files
        }
        plain = ObservedUnit(
            enabled=random.random() < 0.6,
            active=random.random() < 0.6,
            drop_ins=few(random, (f"/run/systemd/system/{name}.d/x.conf", SHARED_DROP_IN)),
            links=few(random, ("multi-user.target",)),
            stale=tuple(path for path in watched if random.random() < 0.3),
        )
        flags = few(random, ("masked", "runtime", "failed", "looping", "reload_needed"))
        changes: dict[str, Any] = dict.fromkeys(flags, True)
        return replace(plain, **changes)

    journal = tuple(JournalEntry("react", name, "restart") for name in few(random, UNITS))
    return replace(
        observed({}),
        files={path: file(path) for path in PATHS if random.random() < 0.5},
        directories=some(random, FOLDERS, folder),
        units={name: unit(name) for name in UNITS if random.random() < 0.6},
        reactions=wanted_state(random).reactions,
        probes={name: replace(probe, expected=random.choice(TEXTS)) for name, probe in wanted.probes.items()},
        journal=(JournalEntry("run", "one"), *journal) if journal else (),
    )


def as_wanted(wanted: NodeStateInputs) -> Observed:
    """The state that a read finds where everything is as wanted."""
    return Observed.of(
        wanted,
        files={path: ObservedFile(**vars(one)) for path, one in wanted.files.items()},
        directories={path: ObservedDirectory(**vars(one)) for path, one in wanted.directories.items()},
        units={name: ObservedUnit(**vars(one)) for name, one in wanted.units.items()},
    )


def carry_out(plan: Plan, before: Observed, wanted: NodeStateInputs) -> Observed:
    """The state after exactly this plan, as the next read finds it."""
    target = as_wanted(wanted)
    files = _changed(plan.files, before.files, target.files)
    folders = _changed(plan.directories, before.directories, target.directories)
    moved = {one.path for one in plan.aside}
    folders = {
        path: replace(one, entries=tuple(entry for entry in one.entries if entry not in moved))
        for path, one in folders.items()
    }
    units = dict(before.units)
    for name, verbs in plan.settings.items():
        units[name] = _set(units.get(name, ObservedUnit(enabled=False, active=False)), verbs)
    for step in plan.steps:
        units[step.unit] = _stepped(units.get(step.unit, ObservedUnit(enabled=False, active=False)), step.action)
    for name, unit in units.items():
        units[name] = replace(unit, drop_ins=tuple(path for path in unit.drop_ins if path not in moved))
    probes = {one.name for one in plan.probes}
    steps = {step.unit for step in plan.steps if step.action in (START, RESTART)} | reloads(plan, wanted)
    return replace(
        Observed.of(wanted),
        files=files,
        directories=folders,
        units={name: unit for name, unit in units.items() if name in wanted.units},
        probes={
            name: probe if name in probes and probe.unit in steps else before.probes[name]
            for name, probe in wanted.probes.items()
        },
        journal=() if plan.tidy else before.journal,
    )


def reloads(plan: Plan, wanted: NodeStateInputs) -> set[str]:
    """The units for which the plan's reload brings their probes about: nothing of theirs asks for a restart."""
    restarted = {one.unit for one in wanted.reactions if one.action != Action.RELOAD}
    return {step.unit for step in plan.steps if step.action == RELOAD} - restarted


def _changed(changes: Any, before: Any, wanted: Any) -> dict[str, Any]:
    after = dict(before)
    for change in changes:
        if REMOVED in change.attributes:
            del after[change.path]
        elif {ADDED, RESTORED} & set(change.attributes):
            after[change.path] = wanted[change.path]
        else:
            target = wanted[change.path]
            values = {name: None if name == "label" else getattr(target, name) for name in change.attributes}
            after[change.path] = replace(after[change.path], **values)
    return after


def _set(unit: ObservedUnit, verbs: tuple[str, ...]) -> ObservedUnit:
    for verb in verbs:
        changes: dict[str, dict[str, Any]] = {
            UNMASK: {"masked": False, "runtime": False},
            DAEMON_RELOAD: {"reload_needed": False},
            ENABLE: {"enabled": True, "runtime": False, "links": ()},
            DISABLE: {"enabled": False, "runtime": False, "links": ()},
            REENABLE: {"links": ()},
        }
        unit = replace(unit, **changes[verb])
    return unit


def _stepped(unit: ObservedUnit, action: str) -> ObservedUnit:
    if action == STOP:
        return replace(unit, active=False, failed=False, looping=False, stale=())
    if action in (START, RESTART):
        return replace(unit, active=True, failed=False, looping=False, restarts=0, stale=())
    return unit
