"""The parts of a plan: what changes at a path, a unit's step with its cause, a probe that differs."""

from __future__ import annotations

from dataclasses import dataclass

from nodestate import Reaction, vocabulary

START, RESTART, RELOAD, SELF_RELOAD, STOP = (
    vocabulary.START,
    vocabulary.RESTART,
    vocabulary.RELOAD,
    "self-reload",
    vocabulary.STOP,
)
STRENGTH = {SELF_RELOAD: 1, RELOAD: 2, RESTART: 3, START: 4, STOP: 5}
"""If several actions apply to a unit, only the strongest runs: a restart rereads every file."""

UNMASK, ENABLE, DISABLE, REENABLE, DAEMON_RELOAD = "unmask", "enable", "disable", "reenable", "daemon-reload"
"""Verbs about a unit without disrupting it. `reenable` makes its [Install] links again; `daemon-reload` makes
systemd read all units' files again."""

ADDED, REMOVED, RESTORED = "added", "removed", "restored"
"""Attributes that stand for a whole path. `restored`: what was there before a broken run is put back from its journal."""

LEFT_BEHIND = "left by an interrupted run"


@dataclass(frozen=True)
class FileChange:
    """A change at one path: some of content, source, mode, owner, group, label; or added, removed or restored.

    `because` says why, where the program alone does not. A `block` that is removed leaves its file.
    """

    path: str
    attributes: tuple[str, ...]
    block: bool = False
    because: str = ""

    @property
    def rewrites(self) -> bool:
        """Whether the file's content changes: a change of mode, ownership or label alone needs no reaction."""
        return bool({ADDED, REMOVED, RESTORED, "content", "source"} & set(self.attributes))

    @property
    def removes(self) -> bool:
        """Whether the path is removed."""
        return REMOVED in self.attributes


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
class ProbeChange:
    """A fact of the running system that is not as expected, and the unit that brings it about."""

    name: str
    found: str
    expected: str
    unit: str

    @property
    def because(self) -> str:
        """The cause of the unit's restart: the values, if they are short."""
        short = all(len(one) <= 60 and "\n" not in one for one in (self.found, self.expected))
        if not short:
            return f"{self.name} is not as expected"
        return f"{self.name} is {self.found or 'empty'}, not {self.expected or 'empty'}"

    @property
    def difference(self) -> tuple[str, str]:
        """The found and the expected text; of several lines those that the other one lacks."""
        found, expected = self.found.splitlines(), self.expected.splitlines()
        first, second = (
            "\n".join(line for line in one if line not in other)
            for one, other in ((found, expected), (expected, found))
        )
        if max(len(found), len(expected)) < 2 or not (first or second):
            return self.found, self.expected
        return first or LACKING, second or LACKING


LACKING = "a list without it"


@dataclass(frozen=True)
class Aside:
    """A path that no component declares and that is moved to /var/lib/plumbline/removed. `unit`: the unit whose drop-in or
    file it is."""

    path: str
    unit: str | None = None
