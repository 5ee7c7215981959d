"""Which changes a node needs, and what they do to its units: one pure function, shared by preview and update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nodestate import Directory, File, NodeStateInputs, Reaction
from nodestate.secret import known_text
from provider.observed import Observed
from provider.remote.units import UNIT_FOLDER

START, RESTART, RELOAD, SELF_RELOAD, STOP = "start", "restart", "reload", "self-reload", "stop"
STRENGTH = {SELF_RELOAD: 1, RELOAD: 2, RESTART: 3, START: 4, STOP: 5}
"""If several actions apply to a unit, only the strongest runs: a restart rereads every file."""

TIDY = "tidy"
INTERRUPTED = "an interrupted run changed its files"


@dataclass(frozen=True)
class FileChange:
    """A change at one path: some of content, source, mode, owner, group; or added; or removed."""

    path: str
    attributes: tuple[str, ...]
    block: bool = False

    @property
    def rewrites(self) -> bool:
        """Whether the file's content changes: a change of mode or ownership alone needs no reaction."""
        return bool({"added", "removed", "content", "source"} & set(self.attributes))


@dataclass(frozen=True)
class UnitStep:
    """One action on one unit, and its cause."""

    unit: str
    action: str
    because: str
    reaction: Reaction | None = None

    def forecast(self, node: str) -> str:
        """The line that the preview shows and that the update keeps to."""
        if self.action == SELF_RELOAD and self.reaction is not None:
            return (
                f"{node}: {self.unit} rereads its files by itself because {self.because}; it restarts only if "
                f"{self.reaction.served_at} still serves the old certificate"
            )
        verb = {START: "will start", RESTART: "will restart", RELOAD: "will reload", STOP: "will stop"}[self.action]
        return f"{node}: {self.unit} {verb} because {self.because}"


@dataclass(frozen=True)
class Plan:
    """Everything one update does to a node.

    `settings` are the units to enable, disable or unmask. `tidy`: an interrupted run left staged files to remove.
    """

    files: tuple[FileChange, ...] = ()
    directories: tuple[FileChange, ...] = ()
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[UnitStep, ...] = ()
    tidy: bool = False

    @property
    def empty(self) -> bool:
        """Whether the node already is in the desired state."""
        return not (self.files or self.directories or self.settings or self.steps or self.tidy)


def make_plan(old: Observed, new: NodeStateInputs) -> Plan:
    """The plan that turns `old`, as observed, into `new`, as desired."""
    files = _changes(old.files, new.files)
    directories = _changes(old.directories, new.directories)
    return Plan(files, directories, _settings(old, new), _steps(old, new, files), bool(old.pending))


def _changes(
    old: Mapping[str, File] | Mapping[str, Directory], new: Mapping[str, File] | Mapping[str, Directory]
) -> tuple[FileChange, ...]:
    changes = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before is None:
            changes.append(FileChange(path, ("added",)))
        elif after is None:
            changes.append(FileChange(path, ("removed",), isinstance(before, File) and before.block))
        elif attributes := _differences(before, after):
            changes.append(FileChange(path, attributes))
    return tuple(changes)


def _differences(old: File | Directory, new: File | Directory) -> tuple[str, ...]:
    found = []
    if isinstance(old, File) and isinstance(new, File):
        if (old.content is None) != (new.content is None):
            found.append("content" if new.content is not None else "source")
        elif new.content is not None:
            # An unknown content is being made in this run.
            if (text := known_text(new.content)) is None or text != known_text(old.content):
                found.append("content")
        elif old.source is not None and new.source is not None and old.source.identity != new.source.identity:
            found.append("source")
    found += [name for name in ("mode", "owner", "group") if getattr(old, name) != getattr(new, name)]
    return tuple(found)


def _settings(old: Observed, new: NodeStateInputs) -> dict[str, tuple[str, ...]]:
    settings: dict[str, tuple[str, ...]] = {}
    for name, unit in sorted(new.units.items()):
        before = old.units.get(name)
        wanted: list[str] = []
        if before is not None and before.masked:
            wanted.append("unmask")
        if before is None or before.enabled != unit.enabled:
            wanted.append("enable" if unit.enabled else "disable")
        if wanted:
            settings[name] = tuple(wanted)
    settings |= {name: ("disable",) for name in _retired(old, new) if old.units[name].enabled}
    return settings


def _retired(old: Observed, new: NodeStateInputs) -> list[str]:
    """Units that end because their own file is removed. A unit whose file is not managed here stays as it is."""
    gone = {path for path in old.files if path not in new.files}
    return sorted(name for name in old.units if name not in new.units and f"{UNIT_FOLDER}{name}" in gone)


def _steps(old: Observed, new: NodeStateInputs, files: tuple[FileChange, ...]) -> tuple[UnitStep, ...]:
    found: dict[str, UnitStep] = {}

    def add(step: UnitStep) -> None:
        known = found.get(step.unit)
        if known is None or STRENGTH[step.action] > STRENGTH[known.action]:
            found[step.unit] = step

    # The reactions of a removed file may be removed with it.
    for reactions, changed in (
        (new.reactions, [one.path for one in files if one.rewrites]),
        (old.reactions, [one.path for one in files if "removed" in one.attributes]),
    ):
        for reaction in reactions:
            causes = [path for path in changed if path in reaction.files]
            if causes:
                add(UnitStep(reaction.unit, reaction.action, _because(causes), reaction))
    for step in _left(old, new):
        add(step)
    for name, unit in new.units.items():
        before = old.units.get(name)
        if unit.active and (before is None or not before.active):
            add(UnitStep(name, START, "it is not there yet" if before is None else _stopped(before.masked)))
        elif not unit.active and before is not None and before.active:
            add(UnitStep(name, STOP, "it should not run"))
    for name in _retired(old, new):
        if old.units[name].active:
            add(UnitStep(name, STOP, f"{UNIT_FOLDER}{name} is removed"))
    return tuple(step for name, step in sorted(found.items()) if not _idle(step, new))


def _left(old: Observed, new: NodeStateInputs) -> list[UnitStep]:
    """The steps that an interrupted run left. A self-reload that is no longer declared becomes a restart."""
    steps = []
    for entry in old.pending:
        action, _, unit = entry.rpartition(" ")
        if entry == TIDY:
            continue
        known = [one for one in new.reactions if (one.unit, one.action) == (unit, SELF_RELOAD)]
        if action == SELF_RELOAD and known:
            steps.append(UnitStep(unit, SELF_RELOAD, INTERRUPTED, known[0]))
        else:
            steps.append(UnitStep(unit, RELOAD if action == RELOAD else RESTART, INTERRUPTED))
    return steps


def _idle(step: UnitStep, new: NodeStateInputs) -> bool:
    """A unit that should not run is not restarted for its files."""
    wanted = new.units.get(step.unit)
    return wanted is not None and not wanted.active and step.action != STOP


def _because(paths: list[str]) -> str:
    return f"{', '.join(paths)} change{'s' if len(paths) == 1 else ''}"


def _stopped(masked: bool) -> str:
    return "it was found masked" if masked else "it was found stopped"
