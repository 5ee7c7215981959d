"""What one NodeState holds: the desired state from the program, and the observed one from the node or the state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


class NodeError(Exception):
    """A failure that the user must know of. The text names the node and what to do; it holds no secret."""


@dataclass(frozen=True)
class Content:
    """A file's text. `text` is None while it is unknown (preview of something made in the same run)."""

    text: str | None
    secret: bool = False

    @property
    def sha256(self) -> str | None:
        """The checksum of the text as UTF-8, None while it is unknown."""
        return None if self.text is None else hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Source:
    """A download: `sha256` of what `url` serves; `extract` names one member of that tar archive."""

    url: str
    sha256: str
    extract: str | None = None

    @property
    def identity(self) -> tuple[str, str | None]:
        """What the bytes depend on: another URL for the same bytes is the same download."""
        return self.sha256, self.extract


@dataclass(frozen=True)
class File:
    """One file: content or source, its mode (four octal digits) and ownership (names, or numbers where so given).

    A `block` is only a part of a file: the lines between our two marks in a file that others write, too. Mode and
    ownership are theirs, and empty here.
    """

    content: Content | None
    source: Source | None
    mode: str
    owner: str
    group: str
    block: bool = False


@dataclass(frozen=True)
class Directory:
    """One directory's mode and ownership."""

    mode: str
    owner: str
    group: str


@dataclass(frozen=True)
class Unit:
    """A unit's state; `masked` is only ever observed."""

    enabled: bool
    active: bool
    masked: bool = False


@dataclass(frozen=True)
class Reaction:
    """What `unit` needs when one of `files` changes: restart, reload or self-reload."""

    unit: str
    action: str
    files: tuple[str, ...]
    served_at: str | None = None
    certificate: str | None = None


@dataclass(frozen=True)
class Readiness:
    """What must hold within `timeout` seconds after `unit` was started or restarted."""

    unit: str
    http: str | None
    timeout: int


@dataclass(frozen=True)
class Command:
    """A POSIX sh script run on the node as root, for the sake of `unit`."""

    unit: str
    script: str


@dataclass(frozen=True)
class Rollout:
    """The nodes that stand in for each other: at most `at_once` of `group` are disturbed at a time.

    `guard` is a shell command run on the node before and after: it succeeds while the group as a whole serves.
    `members` are the names of the group's nodes. Where one of them leaves, `remaining` is run on those that stay, in the
    preview: a shell command that succeeds while they could go on without it.
    """

    group: str
    guard: str | None = None
    at_once: int = 1
    members: tuple[str, ...] = ()
    remaining: str | None = None


@dataclass(frozen=True)
class Connection:
    """How the node is reached. Never shown: it holds the private key."""

    host: str
    port: int
    user: str
    private_key: str = field(repr=False)
    host_key: str = ""


@dataclass(frozen=True)
class Installed:
    """A download as it was installed: from which source, the checksum of the file, and its stamp (`node_read.py`)."""

    source: Source
    sha256: str
    stamp: str = ""


@dataclass(frozen=True)
class State:
    """One NodeState, desired or observed.

    `pending` (observed only) is what a broken run left to do: `<action> <unit>` for each unit still to react, and
    `tidy` where it left files of its own.
    """

    node: str
    machine_id: str | None
    files: Mapping[str, File]
    directories: Mapping[str, Directory]
    units: Mapping[str, Unit]
    reactions: tuple[Reaction, ...]
    readiness: tuple[Readiness, ...]
    pending: tuple[str, ...] = ()
    rollout: Rollout | None = None
    prepare: tuple[Command, ...] = ()
    leave: tuple[Command, ...] = ()

    @property
    def revision(self) -> str | None:
        """A checksum that changes exactly when this state does; None while part of it is unknown."""
        contents = {path: file.content.sha256 if file.content else "" for path, file in self.files.items()}
        if self.machine_id is None or None in contents.values():
            return None
        shape: dict[str, Any] = {
            "node": self.node,
            "machine": self.machine_id,
            "files": {
                path: [contents[path], asdict(file.source) if file.source else None, file.mode, file.owner, file.group]
                for path, file in self.files.items()
            },
            "directories": {path: asdict(directory) for path, directory in self.directories.items()},
            "units": {name: asdict(unit) for name, unit in self.units.items()},
            "reactions": [asdict(one) for one in self.reactions],
            "readiness": [asdict(one) for one in self.readiness],
        }
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()
