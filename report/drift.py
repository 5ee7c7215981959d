"""Drift of all nodes, in classes, without what is accepted for a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from nodestate import vocabulary
from nodestate.keys import Key
from report.model import NodeReport, NotRead, ObjectChange, Origin, PathChange, Report, SetNotRead
from report.node import PATH

SHAPE = {"mode", "owner", "group", "label"}
CLEAN, ERROR, DRIFT, NOT_READ = 0, 1, 2, 3
"""Exit statuses."""

ANY = "*"
"""The name of all nodes, and of all sets, in accepted drift."""

WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
"""Kinds of objects whose pods are restarted, started or stopped if their `spec` changes."""

MOST_FIELDS = 3
"""So many lines of an object; the report has all."""


class DriftClass(StrEnum):
    """The weight of a difference."""

    DISRUPTIVE = "disruptive"
    """A unit or a workload does not run as it should, or the repair restarts or stops one."""

    CONFIGURATION = "configuration"
    """Content, presence, a field of another object, or a setting of a unit; nothing restarts for it."""

    COSMETIC = "cosmetic"
    """Mode, ownership or label of a file, or the manager of an object's fields only."""


@dataclass(frozen=True)
class Difference:
    """One difference between a node, or an object behind the API, and what the last run left there."""

    node: Annotated[str, Key("Name of the node; an object has none.")]
    subject: Annotated[str, Key("The path, unit, probe or object.")]
    text: Annotated[str, Key("What is different, and what repairs it.")]
    kind: Annotated[DriftClass, Key("`disruptive`, `configuration` or `cosmetic`.", wire="class")]
    accepted: Annotated[str, Key("Why it is accepted, if it is.")] = ""
    until: Annotated[str, Key("The last day on which it is accepted.")] = ""
    set_name: Annotated[str, Key("Name of the object's set.", wire="set")] = ""

    @property
    def place(self) -> str:
        """The node, or the set of an object."""
        return self.node or self.set_name


@dataclass(frozen=True)
class DriftReport:
    """The drift of a stack at one time."""

    version: Annotated[int, Key("Version of this format: 1.")]
    stack: Annotated[str, Key("Name of the stack.")]
    time: Annotated[str, Key("When the nodes were read, in UTC.")]
    differences: Annotated[tuple[Difference, ...], Key("All differences, accepted ones included.")] = ()
    not_read: Annotated[tuple[NotRead, ...], Key("Nodes that were not looked at.")] = ()
    nodes: Annotated[tuple[str, ...], Key("Names of all nodes.")] = ()
    reboots: Annotated[tuple[str, ...], Key("Names of nodes whose system wants a reboot. No drift by itself.")] = ()
    error: Annotated[str, Key("Why the check failed, if it did.")] = ""
    objects_not_read: Annotated[tuple[SetNotRead, ...], Key("Sets of objects that were not looked at.")] = ()

    @property
    def alarms(self) -> list[Difference]:
        """The differences that are not accepted."""
        return [one for one in self.differences if not one.accepted]

    @property
    def status(self) -> int:
        """The exit status: an error, drift, nodes or objects that were not looked at, or nothing, in this order."""
        if self.error:
            return ERROR
        if self.alarms:
            return DRIFT
        return NOT_READ if self.not_read or self.objects_not_read else CLEAN


def judge(report: Report, policy: str, now: datetime, failed: bool = False) -> DriftReport:
    """The drift that a preview has found. `policy` is the configuration section as JSON.

    Changes of the program and certificates that are renewed are no drift.
    """
    accepted: Mapping[str, str] = (json.loads(policy) if policy else {}).get("acceptedDrift", {})
    nodes = [one for node in report.nodes for one in _differences(node)]
    behind = [_of_object(one) for one in report.objects if one.origin is not Origin.PROGRAM]
    found = [_judged(one, accepted, now.date()) for one in (*nodes, *behind)]
    names = (*report.unchanged, *(node.node for node in report.nodes))
    missing = tuple(NotRead(name, "the preview did not read the nodes") for name in names if not report.refreshed)
    error = next((one.text for one in report.errors), "the preview failed") if failed else ""
    return DriftReport(
        1,
        report.stack,
        report.time,
        tuple(sorted(found, key=lambda one: (list(DriftClass).index(one.kind), one.set_name, one.node, one.subject))),
        report.not_read or missing,
        tuple(sorted(names)),
        report.reboots,
        error,
        report.objects_not_read,
    )


def _judged(one: Difference, accepted: Mapping[str, str], today: date) -> Difference:
    for place in (one.place, ANY):
        until, _, reason = accepted.get(f"{place}:{one.subject}", "").partition(" ")
        if until and today <= date.fromisoformat(until):
            return replace(one, accepted=reason, until=until)
        if until:
            return replace(one, text=f"{one.text}; it was accepted until {until}: {reason}")
    return one


def _of_object(one: ObjectChange) -> Difference:
    missing, workload = one.operation == "create", one.object.partition(" ")[0] in WORKLOADS
    kind = DriftClass.CONFIGURATION
    if workload and (missing or any(path.startswith("spec.") for path in one.paths)):
        kind = DriftClass.DISRUPTIVE
    elif not missing and not one.paths:
        kind = DriftClass.COSMETIC
    told = ["is missing"] if missing else [f"differs: {'; '.join(one.fields[:MOST_FIELDS])}"]
    if not missing and len(one.fields) > MOST_FIELDS:
        told.append(f"and {len(one.fields) - MOST_FIELDS} more lines")
    return Difference("", one.object, " ".join(told), kind, set_name=one.set_name)


def _differences(node: NodeReport) -> Iterator[Difference]:
    steps = [one for one in node.steps if one.origin is not Origin.PROGRAM]
    paths = [one for one in node.paths if one.origin is not Origin.PROGRAM]
    named = {path: step for step in steps for path in PATH.findall(step.because)}
    for path in paths:
        step = named.get(path.path)
        repair = f"; its repair {_does(step.action)} {step.unit}" if step is not None else ""
        disrupts = step is not None and step.action in vocabulary.DISRUPTIVE
        yield Difference(node.node, path.path, f"{_found(path)}{repair}", _class(path, disrupts))
    probed = {one.unit for one in node.probes}
    for probe in (one for one in node.probes if one.origin is not Origin.PROGRAM):
        text = f"{probe.told}; its repair restarts {probe.unit}"
        yield Difference(node.node, probe.name, text, DriftClass.DISRUPTIVE)
    changed = {path.path for path in node.paths}
    for step in steps:
        if not (set(PATH.findall(step.because)) & changed) and step.unit not in probed:
            yield Difference(
                node.node, step.unit, f"{step.because}; the repair {_does(step.action)} it", DriftClass.DISRUPTIVE
            )
    for setting in (one for one in node.settings if one.origin is not Origin.PROGRAM):
        if setting.unit not in {step.unit for step in steps}:
            text = f"{setting.because}; the repair: {', '.join(setting.verbs)}"
            yield Difference(node.node, setting.unit, text, DriftClass.CONFIGURATION)


def _does(action: str) -> str:
    return f"{action}s"


def _class(path: PathChange, disrupts: bool) -> DriftClass:
    if disrupts:
        return DriftClass.DISRUPTIVE
    return DriftClass.COSMETIC if set(path.attributes) <= SHAPE else DriftClass.CONFIGURATION


def _found(path: PathChange) -> str:
    if path.kind == "foreign":
        return f"belongs to no component{f' ({path.because})' if path.because else ''}"
    if path.operation == "create":
        return "is missing"
    what = path.details or (", ".join(path.attributes),)
    return f"differs: {', '.join(what)}{'; ' + path.because if path.because else ''}"
