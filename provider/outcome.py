"""The outcome of a change on a node: done, undone, or unknown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from provider.errors import NodeError
from provider.observed import Installed

Confirm = Callable[[], Awaitable[None]]
"""The check of a change that is made, such as a rollout group's: if it raises NodeError, the change is undone."""


class Status(StrEnum):
    """How a change ended."""

    DONE = "done"
    UNDONE = "undone"
    """It failed, and the node is as it was found."""

    UNKNOWN = "unknown"
    """It failed, and the node is in between: the journal is there for the next run."""


@dataclass(frozen=True)
class Outcome:
    """How a change ended. `installed` are the downloads by path; `error` tells what failed and what was done about it."""

    status: Status
    installed: Mapping[str, Installed] = field(default_factory=dict)
    error: str = ""
    left: tuple[str, ...] = ()
    """Paths and units that a deletion left, since they could not be removed."""

    @property
    def done(self) -> bool:
        """Whether the change was made."""
        return self.status is Status.DONE

    def expect_done(self) -> Mapping[str, Installed]:
        """The installed downloads. Raises NodeError if the change was not made."""
        if not self.done:
            raise NodeError(self.error)
        return self.installed
