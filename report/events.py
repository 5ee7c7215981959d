"""The engine's event stream as typed records: from a log (`--event-log`), line by line, or from the Automation API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PRE, DONE, FAILED = "pre", "done", "failed"
PHASES = {"resourcePreEvent": PRE, "resOutputsEvent": DONE, "resOpFailedEvent": FAILED}

SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""The key of a secret value in an event."""

HIDDEN = "[secret]"

POLICY = "plumbline:policy"
"""The configuration key with the budget."""

QUIET = ("same", "read", "refresh")
"""Operations that change nothing. Their states are large, and only few of them are read."""

COLOR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*[A-Za-z]")

_HEAD = re.compile(
    r'\{"sequence":\d+,"timestamp":(\d+),"(resourcePreEvent|resOutputsEvent)":'
    r'\{"metadata":\{"op":"(same|refresh)","urn":"([^"\\]+)","type":"([^"\\]+)"'
)
_NODE = re.compile(r'"node":"([^"\\]+)"')
_DIFFS = '"detailedDiff":'


@dataclass(frozen=True)
class State:
    """One state of a resource."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the engine on one resource, in one phase: before it, when it is done, or when it failed.

    `diff` are the property paths that differ. `at` is the time in seconds since 1970, 0 if the source has none.
    """

    phase: str
    op: str
    urn: str
    type: str
    old: State | None = None
    new: State | None = None
    diff: tuple[str, ...] = ()
    at: int = 0
    planning: bool = False
    node: str = ""

    @property
    def name(self) -> str:
        """The name of the resource."""
        return self.urn.split("::", 3)[-1]

    @property
    def state(self) -> State:
        """The newer of its states."""
        return self.new or self.old or State()


@dataclass(frozen=True)
class Message:
    """A line of a diagnostic: info, warning or error. An ephemeral one is of interest only while it lasts."""

    severity: str
    text: str
    urn: str = ""
    at: int = 0
    ephemeral: bool = False


@dataclass
class Stream:
    """All events of one operation, by kind, each in its order."""

    steps: list[Step] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    preview: bool = True
    result: str = ""
    seconds: int = 0
    first: int = 0
    last: int = 0
    policy: str = ""
    """The `policy` section of the configuration, as JSON."""


class NotEvents(ValueError):
    """The input is no event log."""


class Reader:
    """Reads an event log line by line. A log may hold several operations, such as the preview and the update of one `up`.

    Of a resource that stays the same only its name and node are kept, unless another one of its node is deleted: what both
    have stays then.
    """

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self._same: list[dict[int, str]] = []
        self._number = 0

    def feed(self, line: str) -> Step | Message | None:
        """Reads the next line; returns the step or the message that it holds. Raises NotEvents with the number of the line if
        it is no event."""
        self._number += 1
        if not line.strip():
            return None
        if (light := _light(line)) and self.streams:
            stream = self.streams[-1]
            _see(stream, light.at)
            if light.node and light.op == "same" and light.phase == PRE:
                self._same[-1][len(stream.steps)] = line
            stream.steps.append(light)
            return light
        try:
            event = json.loads(line)
        except ValueError:
            raise NotEvents(
                f"line {self._number} is not JSON: is this a file of `pulumi preview --event-log`?"
            ) from None
        if not isinstance(event, dict) or "sequence" not in event:
            raise NotEvents(f"line {self._number} is no event of the engine")
        if event["sequence"] == 0 or not self.streams:
            self.streams.append(Stream())
            self._same.append({})
        return _add(self.streams[-1], event)

    def finish(self) -> list[Stream]:
        """The streams that were read, in their order. Raises NotEvents if there is none."""
        if not self.streams:
            raise NotEvents("there are no events: the engine ended before it began")
        for stream, same in zip(self.streams, self._same, strict=True):
            shrinking = {one.node for one in stream.steps if one.node and one.op == "delete"}
            for index, line in same.items():
                if stream.steps[index].node in shrinking:
                    stream.steps[index] = _step(PRE, json.loads(line)["resourcePreEvent"], stream.steps[index].at)
        return self.streams


def read(lines: Iterable[str]) -> list[Stream]:
    """The streams of an event log. Raises NotEvents."""
    reader = Reader()
    for line in lines:
        reader.feed(line)
    return reader.finish()


def _light(line: str) -> Step | None:
    """A step that changes nothing, without its states; None if the line must be read in full."""
    head = _HEAD.match(line)
    if head is None:
        return None
    at, kind, op, urn, kept = head.groups()
    if kept.startswith("tls:"):
        return None
    if op == "refresh" and kind == "resOutputsEvent":
        place = line.rfind(_DIFFS)
        if not line.startswith(("{}", "null"), place + len(_DIFFS)):
            return None
    node = _NODE.search(line)
    return Step(PHASES[kind], op, urn, kept, at=int(at), node=node[1] if node else "")


def _add(stream: Stream, event: Mapping[str, Any]) -> Step | Message | None:
    at = int(event.get("timestamp") or 0)
    _see(stream, at)
    for kind, phase in PHASES.items():
        if kind in event:
            step = _step(phase, event[kind], at)
            stream.steps.append(step)
            return step
    if "preludeEvent" in event:
        # No other configuration is kept.
        stream.policy = str((event["preludeEvent"].get("config") or {}).get(POLICY, ""))
    if "diagnosticEvent" in event:
        told = event["diagnosticEvent"]
        if told.get("severity") == "debug":
            return None
        text = COLOR.sub("", str(told.get("message", ""))).strip()
        ephemeral = bool(told.get("ephemeral"))
        message = Message(str(told.get("severity", "")), text, str(told.get("urn", "")), at, ephemeral)
        if not ephemeral:
            stream.messages.append(message)
        return message
    if "summaryEvent" in event:
        summary = event["summaryEvent"]
        stream.preview = bool(summary.get("isPreview"))
        stream.result = str(summary.get("result", ""))
        stream.seconds = int(summary.get("durationSeconds", 0))
    return None


def _see(stream: Stream, at: int) -> None:
    stream.first = min(stream.first, at) if stream.first else at
    stream.last = max(stream.last, at)


def _step(phase: str, event: Mapping[str, Any], at: int) -> Step:
    metadata = event["metadata"]
    old, new = _state(metadata.get("old")), _state(metadata.get("new"))
    made = Step(
        phase,
        str(metadata["op"]),
        str(metadata["urn"]),
        str(metadata["type"]),
        old,
        new,
        tuple(metadata.get("detailedDiff") or ()),
        at,
        bool(event.get("planning")),
    )
    node = (made.new or made.old or State()).inputs.get("node")
    return made if not isinstance(node, str) else _with_node(made, node)


def _with_node(step: Step, node: str) -> Step:
    return Step(**{**step.__dict__, "node": node})


def _state(given: Mapping[str, Any] | None) -> State | None:
    if given is None:
        return None
    return State(plain(given.get("inputs") or {}), plain(given.get("outputs") or {}), str(given.get("parent") or ""))


def plain(value: Any) -> Any:
    """A value with the text "[secret]" in place of each secret: nothing of a secret is kept."""
    if isinstance(value, Mapping):
        if SECRET_MARK in value:
            return HIDDEN
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def of_sdk(events: Iterable[Any]) -> Iterator[Step]:
    """The steps of events of the Automation API (`pulumi.automation.EngineEvent`), before they are made."""
    for event in events:
        if event.resource_pre_event is None:
            continue
        metadata = event.resource_pre_event.metadata
        old, new = _sdk_state(metadata.old), _sdk_state(metadata.new)
        op = str(getattr(metadata.op, "value", metadata.op))
        diff = tuple(metadata.detailed_diff or ())
        node = str((new or old or State()).inputs.get("node", ""))
        yield Step(PRE, op, str(metadata.urn), str(metadata.type), old, new, diff, node=node)


def _sdk_state(given: Any) -> State | None:
    if given is None:
        return None
    return State(plain(dict(given.inputs or {})), plain(dict(given.outputs or {})), str(given.parent or ""))
