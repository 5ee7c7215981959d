"""What has to change on a node, and what that does to its units: one pure function, for forecast and deed alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from provider.model import File, Reaction, State

START, RESTART, RELOAD, SELF_RELOAD, STOP = "start", "restart", "reload", "self-reload", "stop"
_STRENGTH = {SELF_RELOAD: 1, RELOAD: 2, RESTART: 3, START: 4, STOP: 5}


@dataclass(frozen=True)
class FileChange:
    """What differs of one path: a subset of content, source, mode, owner, group; or added; or removed."""

    path: str
    attributes: tuple[str, ...]

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
    """Everything one update does to a node. `settings` are units to enable, disable or unmask."""

    files: tuple[FileChange, ...] = ()
    directories: tuple[FileChange, ...] = ()
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[UnitStep, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the node already is as it should be."""
        return not (self.files or self.directories or self.settings or self.steps)


def make(old: State, new: State) -> Plan:
    """What turns `old` (as observed) into `new` (as desired)."""
    files = _changes(old.files, new.files)
    settings = _settings(old, new)
    return Plan(files, _directories(old, new), settings, _steps(old, new, files))


def _changes(old: dict[str, File], new: dict[str, File]) -> tuple[FileChange, ...]:
    changes = []
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            changes.append(FileChange(path, ("added",)))
        elif path not in new:
            changes.append(FileChange(path, ("removed",)))
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
    elif old.source != new.source and not _same_download(old, new):
        found.append("source")
    found += [name for name in ("mode", "owner", "group") if getattr(old, name) != getattr(new, name)]
    return tuple(found)


def _same_download(old: File, new: File) -> bool:
    """Another URL for the same bytes is no change on the node."""
    if old.source is None or new.source is None:
        return False
    return (old.source.sha256, old.source.extract) == (new.source.sha256, new.source.extract)


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
    for name in sorted(old.units.keys() - new.units.keys()):
        settings[name] = ("disable",)
    return settings


def _steps(old: State, new: State, files: tuple[FileChange, ...]) -> tuple[UnitStep, ...]:
    found: dict[str, UnitStep] = {}

    def add(step: UnitStep) -> None:
        known = found.get(step.unit)
        if known is None or _STRENGTH[step.action] > _STRENGTH[known.action]:
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
    for unit in old.pending:
        add(UnitStep(unit, RESTART, "an interrupted run changed its files"))
    for name, unit_wanted in new.units.items():
        before = old.units.get(name)
        if unit_wanted.active and (before is None or not before.active):
            add(UnitStep(name, START, "it is new" if before is None else _stopped(before.masked)))
        elif not unit_wanted.active and before is not None and before.active:
            add(UnitStep(name, STOP, "it should not run"))
    for name in old.units.keys() - new.units.keys():
        if old.units[name].active:
            add(UnitStep(name, STOP, "it is no longer part of the node's state"))
    return tuple(step for name, step in sorted(found.items()) if not _idle(step, new))


def _idle(step: UnitStep, new: State) -> bool:
    """A unit that should not run is not restarted for its files."""
    wanted = new.units.get(step.unit)
    return wanted is not None and not wanted.active and step.action != STOP


def _because(paths: list[str]) -> str:
    return f"{', '.join(paths)} change{'s' if len(paths) == 1 else ''}"


def _stopped(masked: bool) -> str:
    return "it was found masked" if masked else "it was found stopped"
