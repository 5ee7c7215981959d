"""Failures that the user sees."""

from __future__ import annotations

from typing import Any


class NodeError(Exception):
    """A failure on a node. The text names the node and what to do; it holds no secret."""


class TimedOut(NodeError):
    """A script outlived its limit and was ended on the node, with all that it had started. It may have changed things."""


class Unreachable(NodeError):
    """The node cannot be worked on now: it does not answer, refuses the login or the root shell, or the connection broke.

    `started` tells whether the script may have run, in part or whole. If it may, it is ended on the node before the next
    one runs there.
    """

    def __init__(self, text: str, *, started: bool = False) -> None:
        super().__init__(text)
        self.started = started


class Refused(Unreachable):
    """The host answers, and refuses what the inputs give to log in with: to wait does not help."""


class HostKeyMismatch(Refused):
    """The host at the node's address has another key than the pinned one: another machine, or a reinstalled one."""


class PartlyDone(NodeError):
    """A creation or an update failed and left something on the node: the resource is kept in the state, with these outputs."""

    def __init__(self, message: str, resource_id: str, properties: Any) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.properties = properties
