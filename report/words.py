"""Sentences of a report that every format uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from nodestate import vocabulary
from nodestate.names import FEW, names
from report.fold import ObjectFold
from report.model import (
    Budget,
    Certificate,
    Group,
    Happened,
    NodeReport,
    Origin,
    OwnershipChange,
    Report,
    ResourceChange,
    SetNotRead,
)

SOON_DAYS = 30
"""A certificate with fewer days left is named even if nothing happens to it."""

DOES = {
    vocabulary.START: ("starts", "start"),
    vocabulary.RESTART: ("restarts", "restart"),
    vocabulary.RELOAD: ("reloads", "reload"),
    vocabulary.REREAD: ("rereads its files", "reread their files"),
    vocabulary.STOP: ("stops", "stop"),
}

OBJECT_DOES = {"create": ("created", "created"), "delete": ("deleted", "deleted"), "update": ("changes", "change")}

BEHIND = "objects behind the API"

NOTHING = "nothing changes"


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def headline(report: Report) -> str:
    """The report in one line. A preview that failed has not said that nothing changes."""
    if report.result != "succeeded":
        state = "failed" if report.result == "failed" else "ended early"
        found = f"; found before: {', '.join(_headline(report))}" if not report.empty else ""
        return f"{report.stack}: the {report.operation} {state}{found}"
    if report.empty:
        known = len(report.unchanged)
        told = f" ({count(known, 'node')}, {count(report.unchanged_resources, 'resource')})" if known else ""
        return f"{report.stack}: {NOTHING}{told}"
    return f"{report.stack}: {', '.join(_headline(report))}"


def _headline(report: Report) -> Iterator[str]:
    changes = Counter(one.change for one in report.nodes if not one.silent)
    for change, verb in (("create", "created"), ("replace", "replaced"), ("delete", "deleted")):
        if changes[change]:
            yield f"{count(changes[change], 'node')} {verb}"
    if changes["update"]:
        yield f"{count(changes['update'], 'node')} {'changes' if changes['update'] == 1 else 'change'}"
    if silent := sum(one.silent for one in report.nodes):
        yield f"{count(silent, 'node')} recorded only"
    behind = Counter(one.operation for one in report.objects)
    for operation, verbs in OBJECT_DOES.items():
        if behind[operation]:
            yield f"{count(behind[operation], 'object')} {verbs[behind[operation] > 1]}"
    steps = Counter(step.action for node in report.nodes for step in node.steps)
    for action in (vocabulary.RESTART, vocabulary.REREAD, vocabulary.RELOAD, vocabulary.START, vocabulary.STOP):
        if steps[action]:
            verb = DOES[action][steps[action] > 1]
            yield f"{count(steps[action], 'unit')} {verb}"
    if renewed := [one for one in report.certificates if one.operation == "renew"]:
        yield f"{count(len(renewed), 'certificate')} renewed"
    if report.resources:
        yield f"{count(len(report.resources), 'other resource')}"
    drifted = ((len(drifting(report)), "node"), (sum(one.origin is Origin.DRIFT for one in report.objects), "object"))
    if told := [count(number, what) for number, what in drifted if number]:
        yield f"drift on {' and '.join(told)}"
    elif not report.refreshed:
        yield "drift not read"
    else:
        yield "no drift seen" if report.not_read or report.objects_not_read else "no drift"


def objects(one: ObjectFold) -> str:
    """Names of objects, or how many they are if their whole set is created or deleted."""
    if one.first.whole and len(one.objects) > 1:
        return count(len(one.objects), "object")
    return listed(list(one.objects))


def not_read(report: Report) -> list[str]:
    """A line about the nodes that were not read, and one about each reason for which sets of objects were not."""
    nodes = ", ".join(f"{one.node} ({one.reason})" if one.reason else one.node for one in report.not_read)
    return [*([nodes] if nodes else []), *sets_not_read(report.objects_not_read)]


def sets_not_read(sets: Iterable[SetNotRead]) -> list[str]:
    """A line for each reason, with the sets."""
    reasons: dict[str, list[str]] = {}
    for one in sets:
        reasons.setdefault(one.reason, []).append(one.set_name)
    return [f"{BEHIND}, {', '.join(names)} ({reason})" for reason, names in reasons.items()]


def ownership(one: OwnershipChange) -> str:
    """A change of owner marks, after its subject."""
    return f"to {one.to}" if one.to else one.because or "written"


def drifting(report: Report) -> list[NodeReport]:
    """The nodes that are not as the last run left them."""
    return [node for node in report.nodes if any(one is not Origin.PROGRAM for one in origins(node))]


def origins(node: NodeReport) -> set[Origin]:
    """Who causes the changes of a node."""
    units = {one.origin for one in node.steps} | {one.origin for one in node.settings}
    return units | {one.origin for one in node.paths} | {one.origin for one in node.probes}


def order(group: Group) -> str:
    """The slots of a rollout group."""
    first, rest = group.nodes[: group.canaries], group.nodes[group.canaries :]
    if group.at_a_time == 1:
        return f"one at a time: {sequence(group.nodes)}"
    alone = f"{sequence(first)} alone, then " if first and rest else ""
    return f"{alone}at most {group.at_a_time} at a time: {names(rest or first)}"


def sequence(nodes: tuple[str, ...]) -> str:
    """Nodes in their order."""
    if len(nodes) <= 2 * FEW:
        return ", ".join(nodes)
    return f"{nodes[0]}, {nodes[1]} ... {nodes[-1]}: {len(nodes)} nodes"


def batches(group: Group) -> list[tuple[str, ...]]:
    """The slots of a group as a timeline. A slot of several nodes is taken up as others are given back."""
    canaries = group.canaries if group.at_a_time > 1 else 0
    found: list[tuple[str, ...]] = [(one,) for one in group.nodes[:canaries]]
    rest = group.nodes[canaries:]
    return found + [rest[at : at + group.at_a_time] for at in range(0, len(rest), group.at_a_time)]


def certificates(report: Report) -> list[str]:
    """A line for each kind of news about certificates."""
    lines = []
    for operation, verb in (("renew", "renewed"), ("create", "created"), ("update", "updated"), ("delete", "deleted")):
        if found := [one for one in report.certificates if one.operation == operation]:
            lines.append(f"{verb}: {listed([_certificate(one) for one in found])}")
    if soon := [one for one in report.certificates if one.operation == "same" and due(one)]:
        lines.append(f"not renewed yet: {listed([_certificate(one) for one in soon])}")
    return lines


def due(one: Certificate) -> bool:
    """Whether a certificate changes in this run, or is near its end."""
    return one.operation != "same" or (one.days_left is not None and one.days_left < SOON_DAYS)


def _certificate(one: Certificate) -> str:
    if one.days_left is None:
        return one.name
    left = "expired" if one.days_left < 0 else f"{count(one.days_left, 'day')} left"
    return f"{one.name} ({left})"


def listed(items: list[str]) -> str:
    """Some names, and how many there are more."""
    return ", ".join(items) if len(items) <= FEW else f"{', '.join(items[:FEW])} and {len(items) - FEW} more"


def others(resources: Iterable[ResourceChange]) -> list[str]:
    """A line for each type of other resources and what happens to them."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in resources:
        found.setdefault((one.operation, one.type), []).append(one.name)
    return [f"{operation} {kind.rpartition(':')[2]}: {listed(which)}" for (operation, kind), which in found.items()]


def budget(found: Budget) -> list[str]:
    """The budget in lines: the first says whether it is kept."""
    state = "kept" if not found.excess else "exceeded, overridden" if found.overridden else "exceeded"
    disruptions = count(found.disruptions, "restart or stop", "restarts and stops")
    return [f"{state}: {disruptions}", *(f"{one.text} (policy.{one.rule})" for one in found.excess)]


def happened(found: Happened) -> str:
    """The outcome of an update in one line."""
    nodes = [(one.result, bool(one.differences)) for one in found.nodes]
    behind = [(one.result, bool(one.difference)) for one in found.objects]
    done, differing = [], []
    for what, outcomes in (("node", nodes), ("object", behind)):
        if outcomes or (what == "node" and not behind):
            done.append(f"{sum(result == 'done' for result, _ in outcomes)} of {count(len(outcomes), what)}")
        if number := sum(differs for _, differs in outcomes):
            differing.append(count(number, what))
    told = f"{' and '.join(differing)} not as forecast" if differing else "as forecast"
    return f"{found.result or 'ended early'} after {found.seconds} s: {' and '.join(done)} done, {told}"


def unchanged(report: Report) -> str:
    """The nodes and resources that stay as they are, in one line."""
    counted = ((len(report.unchanged), "node"), (report.unchanged_resources, "resource"))
    told = " and ".join(count(number, what) for number, what in counted if number)
    return f"unchanged: {told or 'none'}"
