"""A node's state as it was found there, or as it was stored. What is as it should be is not written: a state stays small."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from nodestate import Directory, File, NodeStateInputs, Unit
from nodestate.keys import Key


@dataclass(frozen=True)
class ObservedFile(File):
    """A file as it was found."""

    kind: Annotated[str | None, Key("What is at the path, if it is no regular file.")] = None
    replaced: Annotated[bool, Key("Whether a broken run replaced a file here that the program never declared.")] = False
    label: Annotated[
        str | None,
        Key("SELinux label that was found, where it is not the one that the node's policy has for this path."),
    ] = None


@dataclass(frozen=True)
class ObservedDirectory(Directory):
    """A directory as it was found. A symlink to a directory counts as the directory."""

    label: Annotated[
        str | None,
        Key("SELinux label that was found, where it is not the one that the node's policy has for this path."),
    ] = None
    kind: Annotated[str | None, Key("What is at the path, if it is no directory.")] = None
    link: Annotated[str | None, Key("Target, if a symlink to a directory is at the path.")] = None
    entries: Annotated[
        tuple[str, ...], Key("Paths of entries that no component of the node declares, unless those are ignored.")
    ] = ()


@dataclass(frozen=True)
class ObservedUnit(Unit):
    """A unit as systemd describes it. Apart from `enabled` and `active`, each field is left out if all is as it should be."""

    masked: Annotated[bool, Key("Whether the unit is masked: nothing can start it.")] = False
    runtime: Annotated[bool, Key("Whether its mask, or its enablement, is lost at the next boot (below /run).")] = False
    failed: Annotated[bool, Key("Whether systemd calls it failed.")] = False
    starting: Annotated[bool, Key("Whether its start has not finished: it has not said that it is ready.")] = False
    restarts: Annotated[int, Key("How often systemd has restarted it by itself since it was started.")] = 0
    looping: Annotated[bool, Key("Whether it ends again and again, and systemd restarts it each time.")] = False
    reload_needed: Annotated[bool, Key("Whether systemd has read other unit files than there are now.")] = False
    fragment: Annotated[str | None, Key("Path of the unit's file, if systemd uses another than the declared one.")] = (
        None
    )
    drop_ins: Annotated[
        tuple[str, ...], Key("Paths of drop-ins below /etc and /run that no component of the node declares.")
    ] = ()
    links: Annotated[
        tuple[str, ...], Key("Links that enable it, if they are others than its file's [Install] section asks for.")
    ] = ()
    stale: Annotated[
        tuple[str, ...], Key("Files that changed after it was started, although a change of them restarts it.")
    ] = ()

    @property
    def runs(self) -> bool:
        """Whether it runs and stays up, as far as systemd tells."""
        return self.active and not (self.failed or self.looping)


@dataclass(frozen=True)
class JournalEntry:
    """One line of the journal of a broken run (remote/journal.py): an act, and how it is undone."""

    act: Annotated[str, Key("What was about to be done: file, absent, block, setting, react and so on.")]
    subject: Annotated[str, Key("Path, unit or run that the act is about.")]
    detail: Annotated[
        str, Key("What undoes it: number of the kept file, former mode, former setting; or the action.")
    ] = ""


@dataclass(frozen=True)
class Installed:
    """A download as it was installed: its checksums, and the stamp by which a read knows it without reading it."""

    source: Annotated[str, Key("Checksum of what was downloaded.")]
    extract: Annotated[str | None, Key("Member of the archive that was installed.")] = None
    sha256: Annotated[str, Key("Checksum of the installed file.")] = ""
    stamp: Annotated[str, Key("Inode, size and time of the last change of the installed file.")] = ""

    @property
    def identity(self) -> tuple[str, str | None]:
        """Equal to the identity of the Download that it came from."""
        return self.source, self.extract


@dataclass(frozen=True, kw_only=True)
class Observed(NodeStateInputs):
    """The outputs of the resource: its inputs, with what was last found on the node.

    `files`, `directories` and `units` may hold more than is wanted: what the program wanted before and is still there, and
    what a broken run left. A probe's `expected` is what was found.
    """

    files: Annotated[Mapping[str, ObservedFile], Key("Files by path.")] = field(default_factory=dict)
    directories: Annotated[Mapping[str, ObservedDirectory], Key("Directories by path.")] = field(default_factory=dict)
    units: Annotated[Mapping[str, ObservedUnit], Key("systemd units by name.")] = field(default_factory=dict)
    journal: Annotated[tuple[JournalEntry, ...], Key("The journal of a run that did not finish.")] = ()
    handed_over: Annotated[
        Mapping[str, str],
        Key("Paths and units that another component has taken over, and its name: they are not removed."),
    ] = field(default_factory=dict)
    unmarked: Annotated[
        bool, Key("Whether the component has no owner marks on the node yet: nothing foreign is moved aside then.")
    ] = False
    machine: Annotated[str | None, Key("The node's /etc/machine-id.")] = None
    skew: Annotated[int, Key("Seconds that the node's clock is ahead of ours (behind: negative), if more than 60.")] = 0
    reboot: Annotated[str, Key("The file on the node that tells that a reboot is required, if there is one.")] = ""
    stacks: Annotated[Mapping[str, str], Key("The stack of each component on the node, as it is noted there.")] = field(
        default_factory=dict
    )
    owned: Annotated[
        Mapping[str, tuple[str, ...]], Key("Paths and units of the node's components, by their owner marks.")
    ] = field(default_factory=dict)
    lost: Annotated[
        tuple[str, ...],
        Key("Components that are removed: the stack created them, and neither its state nor the program has them."),
    ] = ()
    left: Annotated[
        tuple[str, ...], Key("Paths that only the node itself tells of: its journal or its owner marks.")
    ] = ()
    notes: Annotated[
        tuple[str, ...], Key("Lines about the node as a whole: its clock, its identity, units that systemd restarted.")
    ] = ()
    installed: Annotated[Mapping[str, Installed], Key("Downloads by path.")] = field(default_factory=dict)
    revision: Annotated[str | None, Key("Checksum of what is written to the node (nodestate/revision.py).")] = None

    FOUND: ClassVar = ("files", "directories", "units", "probes", "journal", "unmarked", "machine")
    """Keys that a read finds on the node and that are stored."""

    KEPT: ClassVar = ("revision", "installed")
    """Keys that only an update changes."""

    @classmethod
    def of(cls, wanted: NodeStateInputs, **found: Any) -> Observed:
        """The inputs of `wanted` with what was `found`."""
        inputs = {one.name: getattr(wanted, one.name) for one in dataclasses.fields(NodeStateInputs)}
        return cls(**inputs | found)

    def stale_marks(self, wanted: NodeStateInputs, component: str) -> list[str]:
        """The owner marks of the component, as they were read, for paths and units that it does not declare."""
        declared = wanted.files.keys() | wanted.directories.keys() | wanted.units.keys()
        return [one for one in self.owned.get(component, ()) if one not in declared]

    @classmethod
    def nothing(cls, wanted: NodeStateInputs) -> Observed:
        """A node on which nothing exists of what is wanted."""
        return cls(node=wanted.node, machine_id=wanted.machine_id, connection=wanted.connection)
