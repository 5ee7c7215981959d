"""Failures that the user sees."""

from __future__ import annotations


class NodeError(Exception):
    """A failure on a node. The text names the node and what to do; it holds no secret."""


class Unreachable(NodeError):
    """The node cannot be worked on now: it does not answer, or refuses the login."""


class HostKeyMismatch(Unreachable):
    """The host at the node's address has another key than the pinned one: another machine, or a reinstalled one."""
