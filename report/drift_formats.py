"""Drift as text, as Markdown for one open issue, as JSON, and as metrics for node_exporter's textfile collector."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from nodestate import to_wire
from nodestate.names import names
from report.data import without_empty
from report.drift import Difference, DriftClass, DriftReport
from report.markdown import code, mark, plain
from report.model import Certificate, Report
from report.words import count, sets_not_read


def headline(found: DriftReport) -> str:
    """The drift in one line."""
    if found.error:
        return f"{found.stack}: the drift check failed"
    told = [
        f"{count(len(found.alarms), 'difference')} on {' and '.join(_places(found))}" if found.alarms else "no drift"
    ]
    if accepted := len(found.differences) - len(found.alarms):
        told.append(f"{accepted} accepted")
    if found.not_read:
        told.append(f"{count(len(found.not_read), 'node')} not read")
    if found.objects_not_read:
        told.append(f"{count(len(found.objects_not_read), 'set')} of objects not read")
    return f"{found.stack}: {', '.join(told)}"


def _places(found: DriftReport) -> Iterator[str]:
    nodes = {one.node for one in found.alarms if one.node}
    objects = [one for one in found.alarms if not one.node]
    if nodes:
        yield count(len(nodes), "node")
    if objects:
        yield count(len(objects), "object")


def text(found: DriftReport) -> str:
    """Plain lines; one if there is nothing to say."""
    return "".join(f"{line}\n" for line in _text(found))


def _text(found: DriftReport) -> Iterator[str]:
    yield headline(found)
    if found.error:
        yield found.error
    for one in found.alarms:
        yield f"{one.kind:13}  {one.place}  {one.subject}  {one.text}"
    for missing in found.not_read:
        yield f"{'not read':13}  {missing.node}  {missing.reason}"
    for line in sets_not_read(found.objects_not_read):
        yield f"{'not read':13}  {line}"
    if found.reboots:
        yield f"{'reboot':13}  {names(found.reboots)}: the system wants one"
    for one in _accepted(found):
        yield f"{'accepted':13}  {one.place}  {one.subject}  until {one.until}: {one.accepted}"


def _accepted(found: DriftReport) -> list[Difference]:
    return [one for one in found.differences if one.accepted]


def issue(found: DriftReport) -> str:
    """The text of the issue."""
    lines = [mark("drift", found.stack), f"**{plain(headline(found))}** at {found.time}", ""]
    if found.error:
        lines += [f"> {plain(found.error)}", ""]
    if found.alarms:
        where = "Node" if all(one.node for one in found.alarms) else "Node or set"
        lines += [f"| Class | {where} | What | Difference |", "|---|---|---|---|"]
        lines += [
            f"| {one.kind} | {plain(one.place)} | `{code(one.subject)}` | {plain(one.text)} |" for one in found.alarms
        ]
        lines.append("")
    lines += [f"- not read: {plain(one.node)}: {plain(one.reason)}" for one in found.not_read]
    lines += [f"- not read: {plain(line)}" for line in sets_not_read(found.objects_not_read)]
    lines += [
        f"- accepted until {one.until}: {plain(one.place)} `{code(one.subject)}`: {plain(one.accepted)}"
        for one in _accepted(found)
    ]
    if found.reboots:
        lines.append(f"- reboot required: {plain(names(found.reboots))}")
    if found.alarms:
        lines += ["", "The next `pulumi up` repairs it."]
    return "\n".join(lines).rstrip("\n") + "\n"


def to_json(found: DriftReport) -> str:
    """As JSON; `status` is the exit status."""
    data = {**without_empty(to_wire(found)), "status": found.status}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def metrics(found: DriftReport, report: Report) -> str:
    """Metrics in Prometheus' text format. A node that was not read has no drift metric: it is not known."""
    return "".join(f"{line}\n" for line in _metrics(found, report))


def _metrics(found: DriftReport, report: Report) -> Iterator[str]:
    stack, unread = found.stack, {one.node for one in found.not_read}
    known = [node for node in found.nodes if node not in unread]
    for name, counted, words in (
        ("plumbline_drift", found.alarms, "Differences between a node and its configuration that are not accepted."),
        ("plumbline_drift_accepted", _accepted(found), "Differences that are accepted for a time."),
    ):
        numbers = Counter((one.node, one.kind) for one in counted if one.node)
        yield from _head(name, words)
        for node in known if not found.error else ():
            for kind in DriftClass:
                yield f"{name}{_labels(stack=stack, node=node, **{'class': kind})} {numbers[node, kind]}"
    yield from _behind(found)
    yield from _head("plumbline_node_read", "Whether the node was looked at.")
    for node in found.nodes:
        yield f"plumbline_node_read{_labels(stack=stack, node=node)} {int(node not in unread)}"
    yield from _head("plumbline_reboot_required", "Whether the node's system wants a reboot.")
    for node in known:
        yield f"plumbline_reboot_required{_labels(stack=stack, node=node)} {int(node in found.reboots)}"
    yield from _head("plumbline_certificate_expiry_timestamp_seconds", "When a certificate of the cluster expires.")
    for one, at in _expiring(report.certificates):
        labels = _labels(stack=stack, certificate=one.name)
        yield f"plumbline_certificate_expiry_timestamp_seconds{labels} {at}"
    yield from _head(
        "plumbline_drift_check_status", "Exit status of the drift check: 0 clean, 1 error, 2 drift, 3 not read."
    )
    yield f"plumbline_drift_check_status{_labels(stack=stack)} {found.status}"
    yield from _head("plumbline_drift_check_timestamp_seconds", "When the drift check began.")
    yield f"plumbline_drift_check_timestamp_seconds{_labels(stack=stack)} {_seconds(found.time)}"


def _behind(found: DriftReport) -> Iterator[str]:
    """Of objects. Without drift in a class there is a zero only if all sets were read."""
    for name, counted, words in (
        ("plumbline_object_drift", found.alarms, "Objects that differ from their configuration and are not accepted."),
        ("plumbline_object_drift_accepted", _accepted(found), "Objects whose difference is accepted for a time."),
    ):
        numbers = Counter(one.kind for one in counted if not one.node)
        yield from _head(name, words)
        for kind in DriftClass if not found.error else ():
            if numbers[kind] or not found.objects_not_read:
                yield f"{name}{_labels(stack=found.stack, **{'class': kind})} {numbers[kind]}"
    yield from _head("plumbline_objects_read", "Whether all objects were looked at.")
    if not found.error:
        yield f"plumbline_objects_read{_labels(stack=found.stack)} {int(not found.objects_not_read)}"


def _head(name: str, words: str) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"


def _labels(**values: str) -> str:
    escaped = (
        (key, str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for key, value in values.items()
    )
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"


def _expiring(certificates: Iterable[Certificate]) -> Iterator[tuple[Certificate, int]]:
    for one in certificates:
        if one.expires:
            yield one, _seconds(one.expires)


def _seconds(when: str) -> int:
    return int(datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp())
