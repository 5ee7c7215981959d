"""The progress of an update by node, from its events as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from nodestate import vocabulary
from nodestate.names import natural
from report.events import DONE, FAILED, PRE, QUIET, Message, Step
from report.model import NodeReport, Report

NODE = f"{vocabulary.PACKAGE}:Node"

ACTING = (vocabulary.NODE_STATE, vocabulary.OBJECT_SET, vocabulary.NODE_REGISTRATION)
"""Types of the provider that do something in an update."""


class Stage(StrEnum):
    """How far a node is."""

    PLANNED = "planned"
    WORKING = "working"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    UNTOUCHED = "untouched"
    """Its turn never came: another node failed, or the run was interrupted."""


@dataclass
class NodeProgress:
    """One node. `line` is the last that was said about it, without its name; times are in seconds of the caller's clock."""

    name: str
    slot: str = ""
    line: str = ""
    began: float | None = None
    ended: float | None = None
    failed: bool = False
    waiting: bool = False
    touched: bool = True
    awaited: set[str] = field(default_factory=set)
    """Names of its components that the forecast names and that have not ended."""
    open: set[str] = field(default_factory=set)
    """URNs of its resources that are being changed."""

    @property
    def stage(self) -> Stage:
        """How far it is. A failure of one component is one of the node, whatever the others do."""
        if self.failed:
            return Stage.FAILED if self.touched else Stage.UNTOUCHED
        if self.began is None:
            return Stage.PLANNED
        if self.open and self.waiting:
            return Stage.WAITING
        return Stage.WORKING if self.open or self.awaited else Stage.DONE

    def seconds(self, now: float) -> int:
        """Since it began, until it ended or now."""
        if self.began is None:
            return 0
        return int((now if self.ended is None else self.ended) - self.began)


class Progress:
    """All nodes of an update, those of the forecast in its order first. Reading the nodes is no progress, and no step of a
    preview is."""

    def __init__(self, forecast: Report | None = None) -> None:
        self.nodes: dict[str, NodeProgress] = {}
        self.others = 0
        """Resources of no node, such as certificate authorities and sets of objects, that were changed."""
        self.reading = True
        self.interrupted = False
        self._owners: dict[str, str] = {}
        for one in forecast.nodes if forecast is not None else ():
            if not one.silent:
                self.nodes[one.node] = _planned(one)

    def see(self, event: Step | Message, now: float) -> NodeProgress | None:
        """Takes the next event; returns the node that it is about, if it is about one."""
        if isinstance(event, Message):
            return self._note(event)
        if event.planning or event.op in QUIET:
            return None
        self.reading = False
        name = event.node or _parent(event) or self._owners.get(event.urn, "")
        if event.type.startswith(f"{vocabulary.PACKAGE}:") and event.type not in ACTING:
            return None  # a component without a provider: nothing happens for it
        if not name:
            self.others += event.phase == DONE
            return None
        self._owners[event.urn] = name
        node = self.nodes.setdefault(name, NodeProgress(name))
        _step(node, event, now)
        return node

    def _note(self, message: Message) -> NodeProgress | None:
        node = self.nodes.get(self._owners.get(message.urn, ""))
        text = message.text.strip()
        if node is None or not text or not message.severity.startswith(("info", "error")):
            return None
        if message.severity == "error":
            if node.failed and node.touched:
                return None  # the first error is the cause
            node.failed, node.touched = True, vocabulary.UNTOUCHED not in text
        _, named, rest = text.partition(f"{node.name}: ")
        node.line = (rest if named else text).splitlines()[0]
        node.waiting = vocabulary.waits(text)
        return node

    def count(self, stage: Stage) -> int:
        """How many nodes are so far."""
        return sum(one.stage is stage for one in self.nodes.values())

    def ordered(self) -> Iterator[NodeProgress]:
        """All nodes: what failed, then what is being done, what comes next, and what is done; each by name."""
        rank = (Stage.FAILED, Stage.WORKING, Stage.WAITING, Stage.PLANNED, Stage.UNTOUCHED, Stage.DONE)
        yield from sorted(self.nodes.values(), key=lambda one: (rank.index(one.stage), natural(one.name)))


def _planned(one: NodeReport) -> NodeProgress:
    return NodeProgress(one.node, slot=one.slot, awaited=set(one.components))


def _parent(step: Step) -> str:
    """The name of the Node that a resource belongs to."""
    kinds, _, name = step.state.parent.rpartition("::")
    return name if kinds.rpartition("$")[2].rpartition("::")[2] == NODE else ""


def _step(node: NodeProgress, step: Step, now: float) -> None:
    if step.phase == PRE:
        node.began = now if node.began is None else node.began
        node.ended = None
        node.open.add(step.urn)
        return
    node.open.discard(step.urn)
    node.ended = now
    node.failed = node.failed or step.phase == FAILED
    if step.phase == DONE:
        node.awaited.discard(step.name)
