"""What has to change on a node, and what that does to its units: one pure function, for forecast and deed alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provider.model import File, Reaction, State

START, RESTART, RELOAD, SELF_RELOAD, STOP = "start", "restart", "reload", "self-reload", "stop"
STRENGTH = {SELF_RELOAD: 1, RELOAD: 2, RESTART: 3, START: 4, STOP: 5}
"""Of several causes the strongest acts, once: who starts anew has read every file."""

UNIT_FOLDER = "/etc/systemd/system/"
TIDY = "tidy"
INTERRUPTED = "an interrupted run changed its files"


@dataclass(frozen=True)
class FileChange:
    """What differs of one path: a subset of content, source, mode, owner, group; or added; or removed."""

    path: str
    attributes: tuple[str, ...]
    block: bool = False

    @property
    def rewrites(self) -> bool:
        """Whether the file's text changes: mode and ownership alone disturb no unit."""
        return bool({"added", "removed", "content", "source"} & set(self.attributes))


@dataclass(frozen=True)
class UnitStep:
    """One thing done to one unit, and why."""

    unit: str
    action: str
    because: str
    reaction: Reaction | None = None

    def forecast(self, node: str) -> str:
        """The line that the plan shows, in the future tense, and that the deed fulfils."""
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

    `settings` are units to enable, disable or unmask; `tidy`: files of its own that a broken run left are removed.
    """

    files: tuple[FileChange, ...] = ()
    directories: tuple[FileChange, ...] = ()
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[UnitStep, ...] = ()
    tidy: bool = False

    @property
    def empty(self) -> bool:
        """Whether the node already is as it should be."""
        return not (self.files or self.directories or self.settings or self.steps or self.tidy)


def make(old: State, new: State) -> Plan:
    """What turns `old` (as observed) into `new` (as desired)."""
    files = _changes(old.files, new.files)
    return Plan(files, _directories(old, new), _settings(old, new), _steps(old, new, files), bool(old.pending))


def _changes(old: Mapping[str, File], new: Mapping[str, File]) -> tuple[FileChange, ...]:
    changes = []
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            changes.append(FileChange(path, ("added",)))
        elif path not in new:
            changes.append(FileChange(path, ("removed",), old[path].block))
        elif attributes := _differences(old[path], new[path]):
            changes.append(FileChange(path, attributes))
    return tuple(changes)


def _differences(old: File, new: File) -> tuple[str, ...]:
    found = []
    if (old.content is None) != (new.content is None):
        found.append("content" if new.content is not None else "source")
    elif new.content is not None and old.content is not None:
        # An unknown text is one that is being made anew in this run.
        if new.content.text is None or old.content.text != new.content.text:
            found.append("content")
    elif old.source is not None and new.source is not None and old.source.identity != new.source.identity:
        found.append("source")
    found += [name for name in ("mode", "owner", "group") if getattr(old, name) != getattr(new, name)]
    return tuple(found)


def _directories(old: State, new: State) -> tuple[FileChange, ...]:
    changes = []
    for path in sorted(old.directories.keys() | new.directories.keys()):
        before, after = old.directories.get(path), new.directories.get(path)
        if before is None:
            changes.append(FileChange(path, ("added",)))
        elif after is None:
            changes.append(FileChange(path, ("removed",)))
        else:
            differing = tuple(n for n in ("mode", "owner", "group") if getattr(before, n) != getattr(after, n))
            if differing:
                changes.append(FileChange(path, differing))
    return tuple(changes)


def _settings(old: State, new: State) -> dict[str, tuple[str, ...]]:
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
    settings |= {name: ("disable",) for name in _leaving(old, new) if old.units[name].enabled}
    return settings


def _leaving(old: State, new: State) -> list[str]:
    """Units that end because their own file goes. One that others brought is only no longer looked at."""
    gone = {path for path in old.files if path not in new.files}
    return sorted(name for name in old.units if name not in new.units and f"{UNIT_FOLDER}{name}" in gone)


def _steps(old: State, new: State, files: tuple[FileChange, ...]) -> tuple[UnitStep, ...]:
    found: dict[str, UnitStep] = {}

    def add(step: UnitStep) -> None:
        known = found.get(step.unit)
        if known is None or STRENGTH[step.action] > STRENGTH[known.action]:
            found[step.unit] = step

    # A removed file is named by the reactions it had, which may be gone with it.
    for reactions, changed in (
        (new.reactions, [one.path for one in files if one.rewrites]),
        (old.reactions, [one.path for one in files if "removed" in one.attributes]),
    ):
        for reaction in reactions:
            causes = [path for path in changed if path in reaction.files]
            if causes:
                add(UnitStep(reaction.unit, reaction.action, _because(causes), reaction))
    for step in _owed(old, new):
        add(step)
    for name, unit_wanted in new.units.items():
        before = old.units.get(name)
        if unit_wanted.active and (before is None or not before.active):
            add(UnitStep(name, START, "it is not there yet" if before is None else _stopped(before.masked)))
        elif not unit_wanted.active and before is not None and before.active:
            add(UnitStep(name, STOP, "it should not run"))
    for name in _leaving(old, new):
        if old.units[name].active:
            add(UnitStep(name, STOP, f"{UNIT_FOLDER}{name} is removed"))
    return tuple(step for name, step in sorted(found.items()) if not _idle(step, new))


def _owed(old: State, new: State) -> list[UnitStep]:
    """What a broken run left to do. A self-reload that the program no longer knows becomes a restart."""
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


def _idle(step: UnitStep, new: State) -> bool:
    """A unit that should not run is not restarted for its files."""
    wanted = new.units.get(step.unit)
    return wanted is not None and not wanted.active and step.action != STOP


def _because(paths: list[str]) -> str:
    return f"{', '.join(paths)} change{'s' if len(paths) == 1 else ''}"


def _stopped(masked: bool) -> str:
    return "it was found masked" if masked else "it was found stopped"
