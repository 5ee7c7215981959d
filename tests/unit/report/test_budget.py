"""The budget of a plan: refused with the list, overridden by a word."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from report import html, markdown
from report.__main__ import OVER_BUDGET, main
from report.budget import within
from report.model import Budget, Report
from report.terminal import Terminal
from tests.unit.report.streams import UNIT, Log, flag


def planned(policy: dict[str, Any] | None, nodes: int = 3) -> Log:
    """A plan that restarts the kubelet of some nodes on a Saturday at 14:40 UTC, under a policy."""
    log = Log()
    config = {"plumbline:policy": json.dumps(policy)} if policy is not None else {}
    log.lines.clear()
    log.add(preludeEvent={"config": config})
    for number in range(nodes):
        flag(log, f"w{number + 1}", f"{number + 1} of {nodes}")
    log.summary()
    return log


def report(policy: dict[str, Any] | None) -> Report:
    """Its report."""
    return planned(policy).report()


def excess(policy: dict[str, Any]) -> list[tuple[str, str]]:
    """The rules that it exceeds, and why."""
    budget = report(policy).budget
    assert budget is not None
    return [(one.rule, one.text) for one in budget.excess]


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ({"maxRestarts": 3}, []),
        ({"maxRestarts": 2}, [("maxRestarts", "at most 2 restarts and stops are allowed")]),
        ({"maxRestarts": 0}, [("maxRestarts", "at most 0 restarts and stops are allowed")]),
        ({"noRestart": ["etcd"]}, []),
        ({"noRestart": ["kubelet"]}, [("noRestart", f"{UNIT} restarts on w1, w2, w3")]),
        ({"noRestart": [UNIT]}, [("noRestart", f"{UNIT} restarts on w1, w2, w3")]),
        ({"windows": ["Mon-Fri 22:00-04:00", "Sat 14:00-15:00"]}, []),
        (
            {"windows": ["Mon-Fri 22:00-04:00"]},
            [("windows", "Sat 2026-11-28 14:40 UTC is not within Mon-Fri 22:00-04:00")],
        ),
    ],
)
def test_excess(policy: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert excess(policy) == found


@pytest.mark.parametrize("policy", [None, {}])
def test_no_policy_is_no_budget(policy: dict[str, Any] | None) -> None:
    assert report(policy).budget is None


def test_plan_without_disruption_is_within_every_budget() -> None:
    policy = {"maxRestarts": 0, "noRestart": [UNIT], "windows": ["Mon 00:00-00:01"]}
    found = planned(policy, nodes=0).report()
    assert found.budget == Budget(0)
    assert Terminal().render(found) == ": nothing changes\n"


@pytest.mark.parametrize(
    ("window", "at", "inside"),
    [
        ("22:00-04:00", "2026-11-28T23:00", True),
        ("22:00-04:00", "2026-11-29T03:59", True),
        ("22:00-04:00", "2026-11-29T04:00", False),
        ("Sat 22:00-04:00", "2026-11-29T03:00", True),
        ("Sat 22:00-04:00", "2026-11-28T03:00", False),
        ("Sun 22:00-04:00", "2026-11-29T03:00", False),
        ("Sat,Sun 00:00-24:00", "2026-11-29T23:59", True),
        ("Fri-Mon 08:00-09:00", "2026-11-29T08:30", True),
        ("Tue-Thu 08:00-09:00", "2026-11-29T08:30", False),
    ],
)
def test_window(window: str, at: str, inside: bool) -> None:
    """2026-11-28 is a Saturday."""
    assert within(window, datetime.fromisoformat(at).replace(tzinfo=UTC)) is inside


def test_every_format_names_the_excess() -> None:
    found = report({"maxRestarts": 2})
    line = "at most 2 restarts and stops are allowed (policy.maxRestarts)"
    assert f"budget exceeded: 3 restarts and stops\nbudget {line}\n" in Terminal().render(found)
    assert "`make up BUDGET=override` goes on all the same" in Terminal().render(found)
    assert f"- budget {line}" in markdown.render(found)
    assert line in html.render(found)


@pytest.mark.parametrize(("most", "status"), [(2, OVER_BUDGET), (3, 0)])
def test_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str], most: int, status: int) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(planned({"maxRestarts": most}).lines) + "\n")
    assert main([str(file)]) == status
    assert capsys.readouterr().out.startswith("production: 3 nodes change")
