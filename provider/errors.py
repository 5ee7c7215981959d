"""Failures that the user sees."""

from __future__ import annotations

from typing import Any


class NodeError(Exception):
    """A failure on a node. The text names the node and what to do; it holds no secret."""


class Unreachable(NodeError):
    """The node cannot be worked on now: it does not answer, or refuses the login."""


class HostKeyMismatch(Unreachable):
    """The host at the node's address has another key than the pinned one: another machine, or a reinstalled one."""


class PartlyDone(NodeError):
    """A creation or an update failed and left something on the node: the resource is kept in the state, with these outputs."""

    def __init__(self, message: str, resource_id: str, properties: Any) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.properties = properties
