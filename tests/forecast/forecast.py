"""The forecast of a preview, as users see it: rows of resource views, else the announced lines and the detailed diff."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent

from tests.forecast.record import ADDED, RELOAD, REMOVED, RESTART, SHAPED, START, STOP, WRITTEN

NODE_STATE = "plumbline:index:NodeState"
LINE = re.compile(r"^(?P<node>[^:\s]+): (?P<unit>\S+\.\w+) will (?P<action>start|restart|reload|stop) because (?P<why>.*)$")
REREAD = re.compile(r"^(?P<node>[^:\s]+): (?P<unit>\S+) rereads its files by itself because (?P<why>.*)$")
KEY = re.compile(r'^(?P<kind>files|directories|units|probes)(?:\["(?P<quoted>(?:[^"\\]|\\.)*)"\]|\.(?P<plain>[^.\["]+))(?:\.(?P<rest>.*))?$')
STRENGTH = (RELOAD, RESTART, START, STOP)


@dataclass
class Forecast:
    """The announced changes of one node: by path, by unit, and the units that restart only under a condition."""

    paths: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    conditional: set[str] = field(default_factory=set)
    causes: list[str] = field(default_factory=list)

    def path(self, path: str, kind: str) -> None:
        """Adds a change. A path that is removed by one component and added by another is written or stays as it is."""
        known = self.paths.get(path)
        if known is None or (known, kind) == (SHAPED, WRITTEN):
            self.paths[path] = kind
        elif {known, kind} == {ADDED, REMOVED}:
            self.paths[path] = WRITTEN

    def step(self, unit: str, action: str) -> None:
        """Adds a step. If two are announced for a unit, both count: only one of them will happen."""
        known = self.steps.get(unit)
        if known is None:
            self.steps[unit] = action
        elif known != action:
            self.steps[unit] = RESTART if {known, action} == {START, STOP} else f"{known} and {action}"


def read(events: list[EngineEvent]) -> dict[str, Forecast]:
    """The forecast by node."""
    found: dict[str, Forecast] = defaultdict(Forecast)
    rows: set[str] = set()
    for event in events:
        if (step := event.resource_pre_event) and (row := _row(step.metadata)):
            rows.add(_parent(step.metadata))
            row.add_to(found[row.node])
    for event in events:
        if (told := event.diagnostic_event) and told.urn and told.urn not in rows and not told.ephemeral:
            _line(found, told.message.strip())
        elif (step := event.resource_pre_event) and step.metadata.type == NODE_STATE and step.metadata.urn not in rows:
            _resource(found, step.metadata)
    return found


def warnings(events: list[EngineEvent]) -> list[str]:
    """The warnings and errors of a run."""
    told = (event.diagnostic_event for event in events)
    return [one.message.strip() for one in told if one and one.severity in ("warning", "error")]


@dataclass(frozen=True)
class Row:
    """One row of a resource view."""

    node: str
    path: str = ""
    kind: str = ""
    unit: str = ""
    action: str = ""
    conditional: bool = False

    def add_to(self, forecast: Forecast) -> None:
        """Adds what the row announces."""
        if self.path:
            forecast.path(self.path, self.kind)
        elif self.conditional:
            forecast.conditional.add(self.unit)
        elif self.unit:
            forecast.step(self.unit, self.action)


def _row(metadata: Any) -> Row | None:
    """The row of a view; None for another resource."""
    del metadata
    return None


def _parent(metadata: Any) -> str:
    state = metadata.new or metadata.old
    return str(state.parent) if state else ""


def _line(found: dict[str, Forecast], line: str) -> None:
    if match := LINE.match(line):
        found[match["node"]].step(match["unit"], match["action"])
    elif match := REREAD.match(line):
        found[match["node"]].conditional.add(match["unit"])
    else:
        return
    found[match["node"]].causes.append(line)


def _resource(found: dict[str, Forecast], metadata: Any) -> None:
    """A resource without rows: its detailed diff; all that it has if it is created or deleted."""
    op = str(getattr(metadata.op, "value", metadata.op))
    state = metadata.new if op.startswith("create") else metadata.old
    inputs: dict[str, Any] = dict((state.inputs if state else None) or {})
    node = str(inputs.get("node") or ((metadata.new and (metadata.new.inputs or {}).get("node")) or ""))
    forecast = found[node]
    if op in ("create", "create-replacement", "delete", "delete-replaced"):
        _whole(forecast, inputs, op.startswith("create"))
        return
    if op != "update":
        return
    for key, difference in (metadata.detailed_diff or {}).items():
        if match := KEY.match(key):
            name = (match["quoted"] or match["plain"]).replace('\\"', '"')
            kind = str(getattr(difference.diff_kind, "value", difference.diff_kind))
            if match["kind"] in ("files", "directories"):
                forecast.path(name, _kind(kind, match["rest"]))


def _kind(kind: str, attribute: str | None) -> str:
    if attribute is None:
        return {"add": ADDED, "delete": REMOVED}.get(kind, WRITTEN)
    return SHAPED if attribute in ("mode", "owner", "group") else WRITTEN


def _whole(forecast: Forecast, inputs: dict[str, Any], made: bool) -> None:
    for path in (*inputs.get("files", {}), *inputs.get("directories", {})):
        forecast.path(path, ADDED if made else REMOVED)
    for name, unit in inputs.get("units", {}).items():
        if made and unit.get("active", True):
            forecast.step(name, START)
        elif not made and f"/etc/systemd/system/{name}" in inputs.get("files", {}):
            forecast.step(name, STOP)
