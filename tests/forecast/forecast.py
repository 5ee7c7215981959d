"""The forecast of a preview, as users see it in its report (report/)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pulumi.automation.events import EngineEvent

from nodestate import vocabulary
from report.build import build
from report.events import Stream, of_sdk
from report.model import NodeReport
from report.node import shaped
from tests.forecast.record import ADDED, REMOVED, RESTART, SHAPED, START, STOP, WRITTEN

CHANGED = "changed"
"""Any change of a path, for a tool that does not say which."""


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
    """The forecast by node, as the report of these events has it."""
    report = build(Stream(steps=list(of_sdk(events))))
    return {node.node: _forecast(node) for node in report.nodes}


def _forecast(node: NodeReport) -> Forecast:
    forecast = Forecast()
    for path in node.paths:
        kind = {"create": ADDED, "delete": REMOVED}.get(path.operation)
        forecast.path(path.path, kind or (SHAPED if shaped(path) else WRITTEN))
        forecast.causes.append(f"{path.path} {path.operation} {', '.join(path.attributes)} {path.because}".rstrip())
    for step in node.steps:
        forecast.causes.append(f"{step.unit} {step.action} {step.because}")
        if step.action == vocabulary.REREAD:
            forecast.conditional.add(step.unit)
        else:
            forecast.step(step.unit, step.action)
    return forecast
