"""Which changes a node needs, and what they do to its units: one pure function, shared by preview and update."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from nodestate import Directory, File, NodeStateInputs
from nodestate.secret import known_text
from provider.changes import (
    ADDED,
    LEFT_BEHIND,
    RELOAD,
    REMOVED,
    RESTART,
    RESTORED,
    SELF_RELOAD,
    START,
    STOP,
    Aside,
    FileChange,
    ProbeChange,
    UnitStep,
)
from provider.foreign import aside, named
from provider.handover import without_handed_over
from provider.observed import Observed, ObservedDirectory, ObservedFile
from provider.steps import setting_causes, unit_settings, unit_steps

DISRUPTIVE = (RESTART, SELF_RELOAD, STOP)
"""Actions that need a slot. A self-reload may end in a restart. Starting a stopped unit is a repair and needs none."""

COVERED = {
    START: (START,),
    RELOAD: (RELOAD,),
    SELF_RELOAD: (SELF_RELOAD,),
    RESTART: (RESTART, START, RELOAD, SELF_RELOAD),
    STOP: (STOP,),
}
"""By the action that was announced: the actions that are no more disruptive."""


@dataclass(frozen=True)
class Plan:
    """Everything one update does to a node.

    `settings` are verbs by unit: unmask, enable, disable, reenable, daemon-reload; their causes are beside them. `aside` are
    foreign paths to move aside. `probes` are the facts that differ; their units are among the steps. `tidy`: a broken run left a journal to finish.
    `warnings` are shown and change nothing, so a plan of warnings alone is empty; so are paths and units `handed` over to
    another component. With `refused`, nothing may be applied.
    """

    files: tuple[FileChange, ...] = ()
    directories: tuple[FileChange, ...] = ()
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    setting_causes: dict[str, str] = field(default_factory=dict)
    steps: tuple[UnitStep, ...] = ()
    tidy: bool = False
    probes: tuple[ProbeChange, ...] = ()
    aside: tuple[Aside, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    handed: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether the node already is in the desired state."""
        changes = self.files or self.directories or self.settings or self.steps or self.aside or self.probes
        return not (changes or self.tidy or self.refused)


def make_plan(found: Observed, wanted: NodeStateInputs) -> Plan:
    """The plan that turns `found`, as observed, into `wanted`. The order of files and units in either never matters."""
    found = without_handed_over(found, wanted)
    left = {*found.left, *(one.subject for one in found.journal if one.act in ("absent", "made", "noblock"))}
    files = _changes(found.files, wanted.files, left)
    directories = _changes(found.directories, wanted.directories, left)
    probes = _probes(found, wanted)
    moved = aside(found, wanted)
    settings = unit_settings(found, wanted)
    return Plan(
        files=files,
        directories=directories,
        settings=settings,
        setting_causes=setting_causes(found, wanted, settings),
        steps=unit_steps(found, wanted, files, probes, moved),
        tidy=bool(found.journal),
        probes=probes,
        aside=moved,
        warnings=(*found.notes, *named(found, wanted), *_kept(found, wanted)),
        refused=tuple(_refused(found, wanted)),
        handed=found.handed_over,
    )


def disruptive(plan: Plan) -> bool:
    """Whether a plan makes a unit unavailable for a while."""
    return any(step.action in DISRUPTIVE for step in plan.steps)


def repairs(plan: Plan, found: Observed) -> bool:
    """Whether a plan disrupts only units that do not do their work now: not running, or with a probe that differs.

    Such a plan is a repair: it is not held to the group's health check before the change.
    """
    return _disrupted(plan) <= {one.unit for one in plan.probes} | _idle(found)


def revives(plan: Plan, found: Observed) -> bool:
    """Whether a plan disrupts only units that serve nobody now: not running, or still starting.

    It needs no slot, as a start needs none: members that wait for each other's repair come up together.
    """
    return _disrupted(plan) <= _idle(found)


def _disrupted(plan: Plan) -> set[str]:
    return {step.unit for step in plan.steps if step.action in DISRUPTIVE}


def _idle(found: Observed) -> set[str]:
    return {name for name, unit in found.units.items() if unit.starting or not unit.runs}


def unannounced(announced: Plan, actual: Plan) -> list[str]:
    """Each change and step of `actual` that `announced` does not name, in words, such as "/etc/x: content" or
    "kubelet.service restarts because ...". A weaker action than the announced one is covered, and so is what became
    unnecessary."""
    lines = _unnamed(announced.files, actual.files) + _unnamed(announced.directories, actual.directories)
    for unit, verbs in actual.settings.items():
        more = [verb for verb in verbs if verb not in announced.settings.get(unit, ())]
        lines += [f"{unit}: {', '.join(more)}"] if more else []
    lines += [f"{one.path}: moved aside" for one in actual.aside if one not in announced.aside]
    steps = {step.unit: step for step in announced.steps}
    for step in actual.steps:
        if step.unit not in steps or step.action not in COVERED[steps[step.unit].action]:
            lines.append(f"{step.unit} {_verb(step.action)} because {step.because}")
    return lines


def _verb(action: str) -> str:
    return {START: "starts", RESTART: "restarts", RELOAD: "reloads", STOP: "stops"}.get(action, "rereads its files")


def _unnamed(announced: tuple[FileChange, ...], actual: tuple[FileChange, ...]) -> list[str]:
    known = {one.path: one for one in announced}
    lines = []
    for change in actual:
        before = known.get(change.path)
        if before is not None and before.rewrites and not before.removes and ADDED in change.attributes:
            continue  # it is gone by now: the same text is written
        if before is not None and ADDED in before.attributes and not change.removes:
            continue  # it is there by now, in part
        more = [one for one in change.attributes if before is None or one not in before.attributes]
        lines += [f"{change.path}: {', '.join(more)}"] if more else []
    return lines


def _changes(
    old: Mapping[str, ObservedFile] | Mapping[str, ObservedDirectory],
    new: Mapping[str, File] | Mapping[str, Directory],
    left: Collection[str],
) -> tuple[FileChange, ...]:
    changes = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        shown = before if after is None else after
        block = isinstance(shown, File) and bool(shown.block)
        if before is None:
            changes.append(FileChange(path, (ADDED,), block))
        elif after is None:
            if isinstance(before, ObservedFile) and before.replaced:
                changes.append(FileChange(path, (RESTORED,), block, LEFT_BEHIND))
            elif not _occupied(before):
                changes.append(FileChange(path, (REMOVED,), block, LEFT_BEHIND if path in left else ""))
        elif attributes := _differences(before, after):
            link = before.link if isinstance(before, ObservedDirectory) else None
            changes.append(FileChange(path, attributes, block, f"it is a symlink to {link}" if link else ""))
    return tuple(changes)


def _differences(old: ObservedFile | ObservedDirectory, new: File | Directory) -> tuple[str, ...]:
    found = []
    if isinstance(old, File) and isinstance(new, File):
        if bool(old.block) != bool(new.block):
            found += ["block", "content"]
        elif (old.content is None) != (new.content is None):
            found.append("content" if new.content is not None else "source")
        elif new.content is not None:
            # An unknown content is being made in this run.
            if (text := known_text(new.content)) is None or not _same(text, known_text(old.content), new.block):
                found.append("content")
        elif old.source is not None and new.source is not None and old.source.identity != new.source.identity:
            found.append("source")
    if not (isinstance(new, File) and new.block):
        found += [name for name in ("mode", "owner", "group") if getattr(old, name) != getattr(new, name)]
    if old.label is not None:
        found.append("label")
    return tuple(found)


def _same(new: str, old: str | None, block: bool) -> bool:
    """A block ends with one line end, whether it is given or not."""
    return new == old or (block and old is not None and new.rstrip("\n") == old.rstrip("\n"))


def _occupied(found: ObservedFile | ObservedDirectory) -> bool:
    """Whether another kind of thing has taken the path that the program drops: it stays."""
    return found.kind == "directory" if isinstance(found, ObservedFile) else found.kind is not None


def _kept(found: Observed, wanted: NodeStateInputs) -> list[str]:
    places: list[tuple[str, ObservedFile | ObservedDirectory]] = [*found.files.items(), *found.directories.items()]
    ours = wanted.files.keys() | wanted.directories.keys()
    return sorted(
        f"{path} is a {one.kind} now: it stays" for path, one in places if path not in ours and _occupied(one)
    )


def _refused(found: Observed, wanted: NodeStateInputs) -> Iterator[str]:
    """Things in the way that must be moved by hand, since nobody can tell whose they are."""
    for path in sorted(wanted.files.keys() & found.files.keys()):
        if (kind := found.files[path].kind) == "directory":
            yield f"{path} is a directory: move it away"
        elif kind is not None and found.files[path].block:
            yield f"{path} has a mark `# BEGIN plumbline` without `# END plumbline`: add it after the last line of ours"
    for path in sorted(wanted.directories.keys() & found.directories.keys()):
        if (kind := found.directories[path].kind) is not None:
            yield f"{path} is a {kind}: move it away"


def _probes(found: Observed, wanted: NodeStateInputs) -> tuple[ProbeChange, ...]:
    changes = []
    for name, probe in sorted(wanted.probes.items()):
        before = found.probes.get(name)
        if before is not None and before.expected.removesuffix("\n") != probe.expected.removesuffix("\n"):
            changes.append(ProbeChange(name, before.expected, probe.expected, probe.unit))
    return tuple(changes)
