"""The plan of each pair of states in plans/*.yaml: file changes, unit settings, steps and their causes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodestate.wire import partly_unknown
from provider.changes import FileChange
from provider.plan import make_plan
from tests.unit.provider.inputs import inputs, load, observed

CASES = [
    pytest.param(case, id=f"{file.stem}: {case['case']}")
    for file in sorted((Path(__file__).parent / "plans").glob("*.yaml"))
    for case in load(file.read_text())
]


def _listed(changes: tuple[FileChange, ...]) -> list[str]:
    return [
        " ".join([one.path, *one.attributes, *(["block"] if one.block else [])])
        + (f": {one.because}" if one.because else "")
        for one in changes
    ]


@pytest.mark.parametrize("case", CASES)
def test_plan_names_changes_steps_and_causes(case: dict[str, Any]) -> None:
    plan = make_plan(observed(case.get("old", {})), inputs(case.get("new", {})))
    assert _listed(plan.files) == case.get("files", [])
    assert _listed(plan.directories) == case.get("directories", [])
    assert [" ".join([unit, *verbs]) for unit, verbs in plan.settings.items()] == case.get("settings", [])
    assert [f"{step.unit} {step.action}: {step.because}" for step in plan.steps] == case.get("steps", [])
    assert plan.tidy is case.get("tidy", False)
    assert [f"{one.name} {one.found} -> {one.expected}" for one in plan.probes] == case.get("probes", [])
    assert [" ".join(filter(None, (one.path, one.unit))) for one in plan.aside] == case.get("aside", [])
    assert list(plan.warnings) == case.get("warnings", [])
    assert list(plan.refused) == case.get("refused", [])
    assert dict(plan.handed) == case.get("handed", {})
    assert plan.setting_causes.keys() == plan.settings.keys()
    if "causes" in case:
        assert [f"{unit}: {cause}" for unit, cause in plan.setting_causes.items()] == case["causes"]
    assert plan.empty is not bool(case.keys() - {"case", "old", "new", "warnings", "handed"})


@pytest.mark.parametrize("case", [one for one in CASES if not partly_unknown(one.values[0])])
def test_plan_of_a_state_that_is_as_wanted_is_empty(case: dict[str, Any]) -> None:
    wanted = case.get("new", {})
    assert make_plan(observed(wanted), inputs(wanted)).empty


def test_plan_has_enough_cases() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize(
    ("new", "line"),
    [
        ({"units": {"a.service": {}}}, "n1: a.service will start because it is not there yet"),
        (
            {
                "files": {"/a": {"content": "two"}},
                "reactions": [{"unit": "a.service", "action": "restart", "files": ["/a"]}],
            },
            "n1: a.service will restart because /a changes",
        ),
        (
            {
                "files": {"/a": {"content": "two"}},
                "reactions": [{"unit": "a.service", "action": "reload", "files": ["/a"]}],
            },
            "n1: a.service will reload because /a changes",
        ),
        (
            {
                "files": {"/a": {"content": "two"}},
                "reactions": [
                    {
                        "unit": "a.service",
                        "action": "self-reload",
                        "files": ["/a"],
                        "servedAt": "localhost:1",
                        "certificate": "/a",
                    }
                ],
            },
            "n1: a.service rereads its files by itself because /a changes; it restarts only if localhost:1 still serves "
            "the old certificate",
        ),
    ],
    ids=["start", "restart", "reload", "self-reload"],
)
def test_plan_step_forecasts_its_line(new: dict[str, Any], line: str) -> None:
    [step] = make_plan(observed({}), inputs(new)).steps
    assert step.forecast("n1") == line
