"""The objects behind the API that change: from the rows of their sets, or from the inputs of a set without rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from nodestate import vocabulary
from nodestate.names import natural
from report.events import QUIET, Message, State, Step
from report.model import ObjectChange, ObjectOutcome, Origin, Report, SetNotRead
from report.node import CREATES, DELETES
from report.text import printable

SETS = (vocabulary.OBJECT_SET, vocabulary.NODE_REGISTRATION)
ROW = f"{vocabulary.PACKAGE}:{vocabulary.OBJECT}"

_OBJECT = re.compile(r"[A-Z]\S* \S+: ")
"""The kind and the name of an object at the start of a reason."""

_NOT_READ = re.compile(rf"(?:set ([^:]+): )?(.*): (?:{vocabulary.NOT_READ}|{vocabulary.NOT_COMPARED})", re.DOTALL)


def by_resource(steps: Iterable[Step], messages: Iterable[Message] = ()) -> dict[str, list[ObjectChange]]:
    """The changes of a run, by the URN of the set or registration. `messages` are those of an update, which has no rows.

    A resource of which nothing is known is left out.
    """
    found: dict[str, list[ObjectChange]] = defaultdict(list)
    steps = list(steps)
    exists = {step.state.parent for step in steps if step.type == f"{vocabulary.PACKAGE}:{vocabulary.OWNERSHIP}"}
    for step in steps:
        if step.type == ROW and step.op not in QUIET and step.state.parent:
            found[step.state.parent].append(_row(step))
    for message in messages:
        if (done := _line(message)) is not None:
            found[message.urn].append(ObjectChange(*done))
    for step in steps:
        if step.type in SETS and step.op not in QUIET and step.urn not in found and step.urn not in exists:
            operation = "create" if step.op in CREATES else "delete" if step.op in DELETES else ""
            names = _names(step) if operation else []
            if names:
                found[step.urn] = [ObjectChange(*name, operation, whole=True) for name in names]
    return dict(found)


def ordered(found: Iterable[list[ObjectChange]]) -> tuple[ObjectChange, ...]:
    """All changes by set, those of a set in the order in which they are made."""
    every = [one for changes in found for one in changes]
    # The registrations are single resources, which the engine has in any order.
    return tuple(sorted(every, key=lambda one: (natural(one.set_name), natural(_nodes_first(one)))))


def _nodes_first(one: ObjectChange) -> str:
    return one.object if one.set_name == vocabulary.NODES_SET else ""


def _row(step: Step) -> ObjectChange:
    set_name, name = vocabulary.split_name(step.name)
    facts = {key: str(value) for key, value in step.state.inputs.items()}
    paths = facts.get(vocabulary.CHANGE, "")
    return ObjectChange(
        set_name,
        name,
        step.op,
        tuple(map(printable, paths.split(", "))) if paths else (),
        tuple(map(printable, facts.get(vocabulary.FIELDS, "").splitlines())),
        Origin.DRIFT if facts.get(vocabulary.BECAUSE) == vocabulary.DRIFTED else Origin.PROGRAM,
    )


def _line(message: Message) -> tuple[str, str, str] | None:
    return vocabulary.changed_object(message.text) if message.severity.startswith("info") else None


def _names(step: Step) -> list[tuple[str, str]]:
    """Set and name of each object of a resource as its inputs have them, none if they are not known yet."""
    inputs = (step.state if step.op in CREATES else step.old or State()).inputs
    if step.type == vocabulary.NODE_REGISTRATION:
        return [(vocabulary.NODES_SET, vocabulary.node_object(step.node))]
    objects = inputs.get("objects")
    return [(str(inputs.get("name", "")), str(one)) for one in objects] if isinstance(objects, dict) else []


def not_read(steps: Iterable[Step], messages: Iterable[Message]) -> Iterator[SetNotRead]:
    """The sets that were planned without the API, each with the first reason."""
    nodes = {step.urn: step.node for step in steps if step.type == vocabulary.NODE_REGISTRATION}
    found: dict[str, str] = {}
    for message in messages:
        if told := unread(message):
            set_name, reason = told
            known = set_name or vocabulary.NODES_SET
            # The object that happened to be asked for first is not the reason.
            reason = _without_object(reason.removeprefix(f"{nodes.get(message.urn, '')}: "))
            found.setdefault(known, reason)
    for set_name in sorted(found, key=natural):
        yield SetNotRead(set_name, found[set_name])


def _without_object(reason: str) -> str:
    match = _OBJECT.match(reason)
    return reason[match.end() :] if match else reason


def unread(message: Message) -> tuple[str, str] | None:
    """The set, and the reason, if a message warns that it is planned without the API; the set of a registration is empty."""
    kind = message.urn.split("::", 3)[-2].rpartition("$")[2] if message.urn.count("::") > 2 else ""
    match = _NOT_READ.fullmatch(message.text) if message.severity == "warning" and kind in SETS else None
    return (match[1] or "", match[2]) if match else None


def outcomes(
    forecast: Report, steps: Iterable[Step], messages: Iterable[Message], succeeded: bool
) -> Iterator[ObjectOutcome]:
    """Each object that the forecast or the update names, and whether the one did what the other says.

    `steps` are those that failed. An object of a set that the API was not asked about may be there already, and unchanged.
    """
    messages = list(messages)
    begun: dict[tuple[str, str], list[str]] = {}
    for message in messages:
        if (done := _line(message)) is not None:
            begun.setdefault(done[:2], []).append(done[2])
    foretold = {(one.set_name, one.object): one for one in forecast.objects}
    errors = "\n".join(one.text for one in messages if one.severity == "error")
    failed = {vocabulary.node_object(one.node) for one in steps if one.type == vocabulary.NODE_REGISTRATION}
    for key in {**foretold, **begun}:
        set_name, name = key
        expected, operations = foretold.get(key), tuple(begun.get(key, ()))
        if f"set {set_name}: {name}: " in errors or (set_name == vocabulary.NODES_SET and name in failed):
            yield ObjectOutcome(*key, "failed", operations, "it failed")
        elif not operations and not succeeded:
            yield ObjectOutcome(*key, "not reached", (), "the run ended before it was complete")
        else:
            difference = _difference(expected, operations)
            yield ObjectOutcome(*key, "not done" if difference and not operations else "done", operations, difference)


def _difference(expected: ObjectChange | None, operations: tuple[str, ...]) -> str:
    if expected is None:
        return f"{' and '.join(operations)}, not forecast"
    if expected.whole or operations == (expected.operation,):
        return ""
    if operations:
        return f"forecast {expected.operation}, happened {' and '.join(operations)}"
    if expected.fields == (vocabulary.GONE,):
        return ""
    return f"forecast {expected.operation}, did not happen"
