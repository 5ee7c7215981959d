"""Makes the report from the events of a preview."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime

from nodestate import vocabulary
from nodestate.names import natural
from report import objects
from report.budget import judge
from report.events import DONE, PRE, QUIET, Message, Step, Stream
from report.model import VERSION, Certificate, Group, NodeReport, Notice, NotRead, Report, ResourceChange
from report.node import describe, group_of

CERTIFICATES = ("tls:index/locallySignedCert:LocallySignedCert", "tls:index/selfSignedCert:SelfSignedCert")

REPLACES = ("create-replacement", "delete-replaced", "replace")
"""The engine's three steps of a replacement."""

SILENT = ("pulumi:pulumi:Stack", "pulumi:providers:")
"""Types that are no subject of a report."""

URN = re.compile(r"urn:pulumi:([^:]+)::([^:]+)::")


def build(stream: Stream) -> Report:
    """The report of a stream. Days left are counted from the stream's own time."""
    steps = [one for one in stream.steps if one.phase == PRE and one.op not in ("refresh", "read")]
    states = [one for one in steps if one.type == vocabulary.NODE_STATE]
    nodes = tuple(_nodes(states, stream.steps, steps))
    changed = {one.node for one in nodes}
    seen = {one.node for one in states if one.node}
    behind = objects.by_resource(steps, () if stream.preview else stream.messages)
    stack, project = _origin(stream.steps)
    began = datetime.fromtimestamp(stream.first, UTC)
    return Report(
        version=VERSION,
        operation="preview" if stream.preview else "update",
        result=stream.result,
        stack=stack,
        project=project,
        time=began.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=stream.seconds,
        refreshed=all(one.op == "create" for one in states) or any(one.op == "refresh" for one in stream.steps),
        nodes=nodes,
        unchanged=tuple(sorted(seen - changed, key=natural)),
        not_read=tuple(_not_read(stream)),
        reboots=tuple(
            sorted({node for one in stream.messages if (node := vocabulary.rebooting(one.text))}, key=natural)
        ),
        groups=tuple(_groups(nodes, states)),
        certificates=tuple(_certificates(stream.steps, stream.first)),
        resources=tuple(_others(steps, behind.keys())),
        unchanged_resources=sum(1 for one in steps if one.op == "same" and not one.type.startswith(SILENT)),
        warnings=tuple(_notices(stream.messages, "warning")),
        errors=tuple(_notices(stream.messages, "error")),
        budget=judge(nodes, stream.policy, began) if stream.preview else None,
        objects=objects.ordered(behind.values()),
        objects_not_read=tuple(objects.not_read(stream.steps, stream.messages)),
    )


def _nodes(states: Iterable[Step], every: Iterable[Step], steps: Iterable[Step]) -> Iterator[NodeReport]:
    drifted = {
        one.urn: one.diff
        for one in every
        if one.type == vocabulary.NODE_STATE and one.op == "refresh" and one.phase == DONE and one.diff
    }
    views: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if (
            step.type.startswith(f"{vocabulary.PACKAGE}:")
            and step.op not in QUIET
            and step.state.parent
            and not step.node
        ):
            views[step.state.parent].append(step)
    by_node: dict[str, list[Step]] = defaultdict(list)
    for step in states:
        if step.node:
            by_node[step.node].append(step)
    for node in sorted(by_node, key=natural):
        if any(step.op not in QUIET for step in by_node[node]):
            yield describe(node, by_node[node], views, drifted)


def _not_read(stream: Stream) -> Iterator[NotRead]:
    nodes = {step.urn: step.node for step in stream.steps if step.type == vocabulary.NODE_STATE and step.node}
    found: dict[str, str] = {}
    for message in stream.messages:
        if message.severity == "warning" and message.text.endswith(vocabulary.NOT_READ) and message.urn in nodes:
            reason = message.text.removesuffix(vocabulary.NOT_READ).removesuffix(": ")
            found.setdefault(nodes[message.urn], reason.removeprefix(f"{nodes[message.urn]}: "))
    for node in sorted(found, key=natural):
        yield NotRead(node, found[node])


def _groups(nodes: Iterable[NodeReport], states: Iterable[Step]) -> Iterator[Group]:
    declared = {}
    for step in states:
        if (rollout := group_of(step)) is not None:
            declared[str(rollout.get("group"))] = rollout
    members: dict[str, list[NodeReport]] = defaultdict(list)
    for node in nodes:
        if node.group:
            members[node.group].append(node)
    for name in sorted(members):
        ordered = sorted(members[name], key=lambda one: (_number(one.slot), natural(one.node)))
        rollout = declared.get(name, {})
        most, canaries = int(rollout.get("maxUnavailable", 1)), int(rollout.get("canaries", 0))
        yield Group(name, tuple(one.node for one in ordered), most, canaries)


def _number(slot: str) -> int:
    first = slot.partition(" ")[0]
    return int(first) if first.isdigit() else 0


def _certificates(steps: Iterable[Step], now: int) -> Iterator[Certificate]:
    found: dict[str, Certificate] = {}
    for step in steps:
        if step.phase != PRE or step.type not in CERTIFICATES or step.op in ("refresh", "read"):
            continue
        known = found.get(step.urn)
        operation = _of_certificate(step.op)
        if known is not None and "renew" in (known.operation, operation):
            operation = "renew"
        state = step.old or step.new
        expires = str((state.outputs if state else {}).get("validityEndTime", "")) or (known.expires if known else "")
        found[step.urn] = Certificate(step.name, operation, *_days(expires, now))
    yield from sorted(found.values(), key=lambda one: (one.expires or "~", natural(one.name)))


def _of_certificate(op: str) -> str:
    if op in REPLACES:
        return "renew"
    return op if op in ("same", "create", "delete") else "update"


def _days(expires: str, now: int) -> tuple[str, int | None]:
    try:
        end = datetime.fromisoformat(expires.replace("Z", "+00:00"))
    except ValueError:
        return "", None
    left = end - datetime.fromtimestamp(now, UTC)
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), left.days


def _others(steps: Iterable[Step], shown: Container[str]) -> Iterator[ResourceChange]:
    """Resources that are neither NodeStates, rows nor certificates, nor sets whose objects are shown, by their URNs. The steps
    of a replacement are one change."""
    found: dict[str, ResourceChange] = {}
    for step in steps:
        own = step.type.startswith(f"{vocabulary.PACKAGE}:") and (step.type not in objects.SETS or step.urn in shown)
        if own or step.type.startswith(SILENT) or step.type in CERTIFICATES or step.op in QUIET:
            continue
        operation = "replace" if step.op in REPLACES else step.op
        keys = tuple(sorted(set(step.diff) | set(found[step.urn].keys if step.urn in found else ())))
        found[step.urn] = ResourceChange(step.name, step.type, operation, keys)
    yield from sorted(found.values(), key=lambda one: (one.type, natural(one.name)))


def _notices(messages: Iterable[Message], severity: str) -> Iterator[Notice]:
    known = set()
    for message in messages:
        unread = message.text.endswith(vocabulary.NOT_READ) or objects.unread(message)
        if message.severity != severity or unread or message.text in known:
            continue
        known.add(message.text)
        yield Notice(message.text, message.urn.split("::", 3)[-1] if message.urn else "")


def _origin(steps: Iterable[Step]) -> tuple[str, str]:
    for step in steps:
        if match := URN.match(step.urn):
            return match[1], match[2]
    return "", ""
