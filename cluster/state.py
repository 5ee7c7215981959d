"""What one node and concern must look like: the pure form of a NodeState resource (provider/README.md names the wire form)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cluster.model import Pinned


class Action(StrEnum):
    """What a unit needs after one of its files changed (docs/reactions.md).

    `self-reload`: the program rereads the file by itself; restart only if it still serves the old certificate afterwards.
    """

    RESTART = "restart"
    RELOAD = "reload"
    SELF_RELOAD = "self-reload"


@dataclass(frozen=True)
class File:
    """One file: its text, or a pinned download. Mode in octal digits.

    A `block` is a part of a file that others write, too: these lines between two marks; mode and owner stay theirs.
    """

    content: str | None = None
    source: Pinned | None = None
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    block: bool = False


@dataclass(frozen=True)
class Directory:
    """One directory. Mode in octal digits."""

    mode: str = "0755"
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Unit:
    """The state a systemd unit must have."""

    enabled: bool = True
    active: bool = True


@dataclass(frozen=True)
class Reaction:
    """`files` (absolute paths) changed: do `action` to `unit`.

    For self-reload, `served_at` (host:port on the node) is dialled and must serve the certificate in file `certificate`.
    """

    unit: str
    action: Action
    files: tuple[str, ...]
    served_at: str | None = None
    certificate: str | None = None


@dataclass(frozen=True)
class Readiness:
    """After a reaction, `unit` must be active and `http` (a URL on the node) must answer 200 within `timeout` seconds."""

    unit: str
    http: str | None = None
    timeout: int = 120


@dataclass(frozen=True)
class Command:
    """A POSIX sh script run on the node as root, for the sake of `unit`."""

    unit: str
    script: str


@dataclass(frozen=True)
class Rollout:
    """At most `at_once` nodes of `group` are disturbed at a time.

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
class State:
    """Everything one NodeState resource holds. Paths are absolute and map to what must stand there.

    `prepare` runs before its unit is started or restarted, `leave` before the resource is deleted and its unit stopped.
    Both must be safe to run again.
    """

    files: dict[str, File] = field(default_factory=dict)
    directories: dict[str, Directory] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    reactions: tuple[Reaction, ...] = ()
    readiness: tuple[Readiness, ...] = ()
    rollout: Rollout | None = None
    prepare: tuple[Command, ...] = ()
    leave: tuple[Command, ...] = ()
