"""The changes of one node in a preview: from the rows of its resources, or from their inputs where there are none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nodestate import vocabulary
from report.events import QUIET, Step
from report.model import NodeReport, Origin, OwnershipChange, PathChange, ProbeDifference, UnitSetting, UnitStep
from report.text import details, diff, secret

CREATES = ("create", "create-replacement")
DELETES = ("delete", "delete-replaced")
SECTIONS = ("files", "directories", "units", "probes")
MEMBER = re.compile(rf'({"|".join(SECTIONS)})\["((?:[^"\\]|\\.)*)"\]')
UNIT_FOLDER = "/etc/systemd/system/"
PATH = re.compile(r"/[^\s,;]+")

Views = Mapping[str, list[Step]]
Drifted = Mapping[str, tuple[str, ...]]


@dataclass
class _Found:
    """The changes of a node so far, by path and unit."""

    paths: dict[str, PathChange] = field(default_factory=dict)
    steps: dict[tuple[str, str], UnitStep] = field(default_factory=dict)
    settings: list[UnitSetting] = field(default_factory=list)
    probes: list[ProbeDifference] = field(default_factory=list)
    ownership: list[OwnershipChange] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    slot: str = ""

    def path(self, change: PathChange) -> None:
        """Adds a change. A path that is removed and added, as in a replacement, is updated."""
        known = self.paths.get(change.path)
        if known is None or (shaped(known) and not shaped(change)):
            self.paths[change.path] = change
        elif {known.operation, change.operation} == {"create", "delete"}:
            self.paths[change.path] = replace(known, operation="update", attributes=("content",), diff=())

    def step(self, step: UnitStep) -> None:
        """Adds a step. A unit that is stopped and started, as in a replacement, is restarted."""
        for action in (vocabulary.START, vocabulary.RESTART, vocabulary.STOP):
            known = self.steps.get((step.unit, action))
            if known and {action, step.action} in (
                {vocabulary.START, vocabulary.STOP},
                {vocabulary.RESTART, vocabulary.STOP},
            ):
                del self.steps[step.unit, action]
                because = known.because or step.because
                step = replace(step, action=vocabulary.RESTART, because=because)
        self.steps.setdefault((step.unit, step.action), step)


def shaped(change: PathChange) -> bool:
    """Whether only mode or ownership change."""
    return (
        change.operation == "update"
        and bool(change.attributes)
        and set(change.attributes) <= {"mode", "owner", "group"}
    )


def group_of(step: Step) -> Mapping[str, Any] | None:
    """The rollout that a NodeState declares."""
    rollout = step.state.inputs.get("rollout")
    return rollout if isinstance(rollout, Mapping) else None


def describe(node: str, states: list[Step], views: Views, drifted: Drifted) -> NodeReport:
    """The report of one node from the steps of its NodeStates, in the engine's order."""
    found = _Found()
    kept = _kept(states)
    steps = [one for one in states if one.op not in QUIET]
    for step in steps:
        shown = [one for one in views.get(step.urn, ()) if one.op]
        if shown and step.op in DELETES:
            continue  # the rows of a replacement tell what its deletion does, too
        if shown:
            _of_rows(found, step, shown, _Origins(step, drifted.get(step.urn, ())))
        elif step.op in CREATES:
            _whole(found, step, set(), made=True)
        elif step.op in DELETES:
            _whole(found, step, kept if step.op == "delete" else set(), made=False)
        else:
            found.recorded |= {one for one in step.diff if not MEMBER.match(one)}
    disrupted = [one for one in found.steps.values() if one.action in vocabulary.DISRUPTIVE]
    groups = [str(one["group"]) for one in map(group_of, steps) if one and "group" in one]
    return NodeReport(
        node,
        _change(states),
        tuple(dict.fromkeys(one.name for one in steps)),
        tuple(found.paths[path] for path in sorted(found.paths)),
        tuple(sorted(found.steps.values(), key=lambda one: one.unit)),
        tuple(found.settings),
        tuple(found.probes),
        tuple(sorted(found.ownership, key=lambda one: (one.item, one.component))),
        tuple(one.name for one in steps if one.op in CREATES and one.urn in views),
        group=groups[0] if groups and disrupted and found.slot else "",
        slot=found.slot,
        recorded=tuple(sorted(found.recorded)),
    )


def _change(states: Iterable[Step]) -> str:
    """The node is new, or goes, only if that holds for all of its NodeStates."""
    ops = {one.op for one in states} - {"refresh", "read"}
    if any("replace" in one for one in ops):
        return "replace"
    if ops <= {"create"}:
        return "create"
    return "delete" if ops <= {"delete"} else "update"


class _Origins:
    """Tells for each member of a resource whether the program or the node is the cause of its change."""

    def __init__(self, step: Step, drifted: Iterable[str]) -> None:
        self._old = step.old.inputs if step.old else None
        self._new = step.new.inputs if step.new else {}
        self._drifted = {match.groups() for one in drifted if (match := MEMBER.match(one))}
        self._paths: dict[str, Origin] = {}

    def member(self, section: str, name: str) -> Origin:
        """The origin of one file, directory, unit or probe."""
        if self._old is None:
            return Origin.PROGRAM
        before, after = (_map(one.get(section)).get(name) for one in (self._old, self._new))
        escaped = name.replace('"', '\\"')
        drift, asked = (section, escaped) in self._drifted, before != after
        if drift:
            found = Origin.BOTH if asked else Origin.DRIFT
        else:
            # A changed secret looks like the former one.
            found = Origin.PROGRAM if asked or secret(after) else Origin.DRIFT
        if section in ("files", "directories"):
            self._paths[name] = found
        return found

    def cause(self, unit: str, because: str) -> Origin:
        """The origin of a step: that of the paths in its cause, or else of the unit."""
        named = {self._paths[one] for one in PATH.findall(because) if one in self._paths}
        if len(named) == 1:
            return named.pop()
        if named:
            return Origin.BOTH
        return self.member("units", unit) if unit in _map(self._new.get("units")) else Origin.PROGRAM


def _of_rows(found: _Found, step: Step, shown: list[Step], origins: _Origins) -> None:
    old = _map(step.old.outputs if step.old else {})
    new = _map(step.new.inputs if step.new else {})
    for row in shown:
        kind = row.type.rpartition(":")[2]
        _, name = vocabulary.split_name(row.name)
        facts = {key: str(value) for key, value in row.state.inputs.items()}
        because = facts.get(vocabulary.BECAUSE, "")
        if kind in (vocabulary.FILE, vocabulary.DIRECTORY):
            found.path(_path(kind, name, row.op, facts, step, old, new, origins))
        elif kind == vocabulary.FOREIGN:
            text = f"drop-in of {facts[vocabulary.UNIT]}" if vocabulary.UNIT in facts else ""
            found.path(PathChange(name, "foreign", "delete", ("moved aside",), text, Origin.DRIFT, component=step.name))
        elif kind == vocabulary.UNIT_SETTING:
            verbs = tuple(facts.get(vocabulary.CHANGE, "").split(", "))
            found.settings.append(UnitSetting(name, verbs, because, origins.member("units", name), step.name))
        elif kind == vocabulary.PROBE:
            values = (
                facts.get(vocabulary.FOUND, ""),
                facts.get(vocabulary.EXPECTED, ""),
                facts.get(vocabulary.UNIT, ""),
            )
            found.probes.append(ProbeDifference(name, *values, origins.member("probes", name), step.name))
        elif kind == vocabulary.OWNERSHIP:
            change, to = facts.get(vocabulary.CHANGE, ""), facts.get(vocabulary.TO, "")
            found.ownership.append(OwnershipChange(name, change, to, because, step.name))
        elif kind == vocabulary.UNIT_STEP:
            action = facts.get(vocabulary.ACTION, "")
            found.slot = found.slot or facts.get(vocabulary.ORDER, "")
            found.step(UnitStep(name, action, because, origins.cause(name, because), step.name))


def _path(
    kind: str,
    path: str,
    op: str,
    facts: Mapping[str, str],
    step: Step,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    origins: _Origins,
) -> PathChange:
    section = "files" if kind == vocabulary.FILE else "directories"
    before, after = _map(old.get(section)).get(path), _map(new.get(section)).get(path)
    attributes = tuple(facts.get(vocabulary.CHANGE, "").split(", "))
    rewritten = kind == vocabulary.FILE and not set(attributes) <= {"mode", "owner", "group", "label"}
    hidden = secret(before) or secret(after)
    # A file that was found, and that no earlier run put there, is in no state: its present content is not known.
    lines = diff(before, after) if rewritten and not hidden and step.old is not None else ()
    return PathChange(
        path,
        "file" if kind == vocabulary.FILE else "directory",
        op,
        attributes,
        facts.get(vocabulary.BECAUSE, ""),
        origins.member(section, path),
        hidden,
        step.name,
        details(before, after, attributes),
        lines,
    )


def _kept(steps: Iterable[Step]) -> set[str]:
    """The paths and units of resources that exist after the update: a deletion does not end them."""
    found: set[str] = set()
    for step in steps:
        if step.new is not None and step.op not in DELETES:
            for section in ("files", "directories", "units"):
                found |= set(_map(step.new.inputs.get(section)))
    return found


def _whole(found: _Found, step: Step, kept: set[str], made: bool) -> None:
    """A resource without rows: all that it has is created, or deleted."""
    state = step.new if made else step.old
    inputs = state.inputs if state else {}
    operation, attribute = ("create", "added") if made else ("delete", "removed")
    for section, kind in (("files", "file"), ("directories", "directory")):
        for path, shape in _map(inputs.get(section)).items():
            if path not in kept:
                hidden = secret(shape)
                found.path(PathChange(path, kind, operation, (attribute,), secret=hidden, component=step.name))
    for unit in _units(inputs, kept, made):
        found.step(UnitStep(unit, vocabulary.START if made else vocabulary.STOP, "", component=step.name))


def _units(inputs: Mapping[str, Any], kept: set[str], made: bool) -> Iterator[str]:
    for name, unit in _map(inputs.get("units")).items():
        if (made and _map(unit).get("active", True)) or (
            not made and name not in kept and f"{UNIT_FOLDER}{name}" in _map(inputs.get("files"))
        ):
            yield name


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
