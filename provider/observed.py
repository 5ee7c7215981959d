"""A node's state as it was found there, or as it was stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from nodestate import NodeStateInputs, Unit
from nodestate.keys import Key


@dataclass(frozen=True)
class ObservedUnit(Unit):
    """A unit as systemd describes it."""

    masked: Annotated[bool, Key("Whether the unit is masked: nothing can start it.")] = False


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
    """The outputs of the resource: its inputs, with files, directories and units as they were last found."""

    units: Annotated[Mapping[str, ObservedUnit], Key("systemd units by name.")] = field(default_factory=dict)
    pending: Annotated[
        tuple[str, ...],
        Key(
            "What a broken run left to do: `<action> <unit>` for each unit that has not reacted, and `tidy` if it left "
            "leftover files."
        ),
    ] = ()
    installed: Annotated[Mapping[str, Installed], Key("Downloads by path.")] = field(default_factory=dict)
    revision: Annotated[str | None, Key("Checksum of what is written to the node (nodestate/revision.py).")] = None

    FOUND: ClassVar = ("files", "directories", "units", "pending")
    """Keys that a read finds on the node."""

    KEPT: ClassVar = ("revision", "installed")
    """Keys that only an update changes."""

    @classmethod
    def of(cls, wanted: NodeStateInputs, **found: Any) -> Observed:
        """The inputs of `wanted` with what was `found`."""
        inputs = {one.name: getattr(wanted, one.name) for one in dataclasses.fields(NodeStateInputs)}
        return cls(**inputs | found)

    @classmethod
    def nothing(cls, wanted: NodeStateInputs) -> Observed:
        """A node on which nothing exists of what is wanted."""
        return cls(node=wanted.node, machine_id=wanted.machine_id, connection=wanted.connection)
