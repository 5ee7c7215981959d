"""The plan against the configured policy: how much it may disrupt, what it may not restart, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from nodestate import vocabulary
from nodestate.names import names
from report.model import Budget, Excess, NodeReport, UnitStep

DISRUPTS = (vocabulary.RESTART, vocabulary.STOP)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def judge(nodes: Iterable[NodeReport], policy: str, now: datetime) -> Budget | None:
    """The budget of a plan at a time in UTC; None if there is no policy. `policy` is the configuration section as JSON."""
    rules: Mapping[str, Any] = json.loads(policy) if policy else {}
    if not rules:
        return None
    disrupted = [(node.node, step) for node in nodes for step in node.steps if step.action in DISRUPTS]
    return Budget(len(disrupted), tuple(_excess(disrupted, rules, now)))


def _excess(disrupted: list[tuple[str, UnitStep]], rules: Mapping[str, Any], now: datetime) -> Iterator[Excess]:
    most = rules.get("maxRestarts")
    if most is not None and len(disrupted) > int(most):
        yield Excess("maxRestarts", f"at most {most} restarts and stops are allowed")
    kept = {_unit(one) for one in rules.get("noRestart") or ()}
    for unit in sorted({step.unit for _, step in disrupted} & kept):
        for action, verb in ((vocabulary.RESTART, "restarts"), (vocabulary.STOP, "stops")):
            if found := [node for node, step in disrupted if (step.unit, step.action) == (unit, action)]:
                yield Excess("noRestart", f"{unit} {verb} on {names(found)}")
    windows = [str(one) for one in rules.get("windows") or ()]
    if windows and disrupted and not any(within(one, now) for one in windows):
        at = f"{DAYS[now.weekday()]} {now:%Y-%m-%d %H:%M} UTC"
        yield Excess("windows", f"{at} is not within {', '.join(windows)}")


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"


def within(window: str, now: datetime) -> bool:
    """Whether a time is in a window such as `22:00-04:00` or `Mon-Fri 22:00-04:00`. The days are those on which it begins."""
    days, _, hours = window.rpartition(" ")
    start, end = (_time(one) for one in hours.split("-"))
    begun = now if start < end or now.time() >= start else now - timedelta(days=1)
    if begun.weekday() not in _weekdays(days):
        return False
    if start < end:
        return start <= now.time() < end
    return now.time() >= start or now.time() < end


def _time(text: str) -> time:
    """24:00 is the last moment of the day."""
    return time.max if text == "24:00" else time.fromisoformat(text)


def _weekdays(text: str) -> set[int]:
    found: set[int] = set()
    for one in text.split(",") if text else ("Mon-Sun",):
        first, _, last = one.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(start + number) % 7 for number in range((end - start) % 7 + 1)}
    return found
