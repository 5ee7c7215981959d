"""The forecast of a preview, as users see it: the rows of resource views, and the resources that are created or deleted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent

from tests.forecast.record import ADDED, REMOVED, RESTART, SHAPED, START, STOP, WRITTEN

CHANGED = "changed"
"""Any change of a path, for a tool that does not say which."""

PACKAGE = "plumbline:index:"
NODE_STATE = f"{PACKAGE}NodeState"
DELETES = ("delete", "delete-replaced")
UNCHANGED = ("same", "read", "refresh")


@dataclass
class Forecast:
    """The announced changes of one node: by path, by unit, and the units that restart only under a condition."""

    paths: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    conditional: set[str] = field(default_factory=set)
    causes: list[str] = field(default_factory=list)

    def path(self, path: str, kind: str) -> None:
        """Adds a change. A path that is removed and added, as in a replacement, is written."""
        known = self.paths.get(path)
        if known is None or (known, kind) == (SHAPED, WRITTEN):
            self.paths[path] = kind
        elif {known, kind} == {ADDED, REMOVED}:
            self.paths[path] = WRITTEN

    def step(self, unit: str, action: str) -> None:
        """Adds a step. A unit that is stopped and started, as in a replacement, is restarted; any other two steps of a unit
        contradict each other, and both are kept."""
        known = self.steps.get(unit)
        if known is None or {known, action} in ({START, STOP}, {RESTART, STOP}):
            self.steps[unit] = action if known is None else RESTART
        elif known != action:
            self.steps[unit] = f"{known} and {action}"


def read(events: list[EngineEvent]) -> dict[str, Forecast]:
    """The forecast by node. A resource with rows is described by its rows alone: those of a replacement tell what the
    deletion before it does, too."""
    found: dict[str, Forecast] = defaultdict(Forecast)
    steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    described: set[str] = set()
    for metadata in steps:
        if metadata.type.startswith(PACKAGE) and metadata.type != NODE_STATE and _op(metadata) not in UNCHANGED:
            described.add(_parent(metadata))
            _row(found, metadata)
    kept = _kept(steps)
    for metadata in steps:
        if metadata.type == NODE_STATE and metadata.urn not in described:
            _resource(found, metadata, kept)
    return found


def _op(metadata: Any) -> str:
    return str(getattr(metadata.op, "value", metadata.op))


def _row(found: dict[str, Forecast], metadata: Any) -> None:
    """One row of a resource view; its name is that of the node, a colon, and that of the path, unit or probe."""
    kind = metadata.type.removeprefix(PACKAGE)
    node, _, name = metadata.urn.rpartition("::")[2].partition(":")
    facts: dict[str, Any] = dict((metadata.new.inputs if metadata.new else None) or {})
    forecast = found[node]
    forecast.causes.append(f"{kind} {name} {_op(metadata)} {facts}")
    if kind in ("File", "Directory"):
        changed = {"create": ADDED, "delete": REMOVED}.get(_op(metadata))
        shaped = set(str(facts.get("change", "")).split(", ")) <= {"mode", "owner", "group"}
        forecast.path(name, changed or (SHAPED if shaped else WRITTEN))
    elif kind == "Foreign":
        forecast.path(name, REMOVED)
    elif kind == "UnitStep" and facts.get("action") == "reread":
        forecast.conditional.add(name)
    elif kind == "UnitStep":
        forecast.step(name, "restart" if facts.get("action") == "roll" else str(facts.get("action")))


def _kept(steps: list[Any]) -> dict[str, set[str]]:
    """By node, the paths and units of resources that exist after the update: a deletion does not end them."""
    found: dict[str, set[str]] = defaultdict(set)
    for metadata in steps:
        if metadata.type == NODE_STATE and metadata.new and _op(metadata) not in DELETES:
            inputs = metadata.new.inputs or {}
            for key in ("files", "directories", "units"):
                found[str(inputs.get("node"))] |= set(inputs.get(key) or {})
    return found


def _parent(metadata: Any) -> str:
    state = metadata.new or metadata.old
    return str(state.parent) if state else ""


def _resource(found: dict[str, Forecast], metadata: Any, kept: dict[str, set[str]]) -> None:
    """A resource without rows: all that it has if it is created or deleted; an update of it changes nothing on the node."""
    op = _op(metadata)
    state = metadata.old if op in DELETES else metadata.new
    inputs: dict[str, Any] = dict((state.inputs if state else None) or {})
    node = str(inputs.get("node", ""))
    if op in ("create", "create-replacement"):
        _whole(found[node], inputs, set(), made=True)
    elif op in DELETES:
        _whole(found[node], inputs, kept[node] if op == "delete" else set(), made=False)


def _whole(forecast: Forecast, inputs: dict[str, Any], kept: set[str], made: bool) -> None:
    for path in (*inputs.get("files", {}), *inputs.get("directories", {})):
        if path not in kept:
            forecast.path(path, ADDED if made else REMOVED)
    for name, unit in inputs.get("units", {}).items():
        if made and unit.get("active", True):
            forecast.step(name, START)
        elif not made and name not in kept and f"/etc/systemd/system/{name}" in inputs.get("files", {}):
            forecast.step(name, STOP)
