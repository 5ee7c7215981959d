"""Deletion and creation as one plan: on the same machine, on one that was installed again, on one that is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nodestate import Connection, Declared, Secret
from provider.plan import Plan
from provider.replacement import REPLACED, replacement_plan
from tests.unit.provider.inputs import inputs, observed

UNIT = "/etc/systemd/system/a.service"
STATE: dict[str, Any] = {
    "files": {UNIT: {"content": "unit"}, "/conf": {"content": "one"}, "/gone": {"content": "one"}},
    "units": {"a.service": {}, "system.service": {}},
    "reactions": [
        {"unit": "a.service", "action": "restart", "files": ["/conf"]},
        {"unit": "system.service", "action": "restart", "files": ["/conf"]},
    ],
}
WANTED = inputs(STATE | {"files": {UNIT: {"content": "unit"}, "/conf": {"content": "one"}}, "machineId": "machine-2"})
FORMER = observed(STATE)


def told(plan: Plan) -> dict[str, str]:
    """Each path and unit with its change."""
    return {one.path: " ".join(one.attributes) for one in plan.files} | {
        step.unit: f"{step.action}: {step.because}" for step in plan.steps
    }


def test_on_the_same_machine_files_are_written_and_units_restart() -> None:
    assert told(replacement_plan(FORMER, FORMER, WANTED, {})) == {
        UNIT: "content",
        "/conf": "content",
        "/gone": "removed",
        "a.service": f"restart: {REPLACED}",
        "system.service": "restart: /conf changes",
    }


def test_on_the_same_machine_a_missing_file_is_added_and_a_stopped_unit_starts() -> None:
    found = replace(
        FORMER,
        files={UNIT: FORMER.files[UNIT]},
        units={**FORMER.units, "a.service": replace(FORMER.units["a.service"], active=False)},
    )
    assert told(replacement_plan(FORMER, found, WANTED, {})) == {
        UNIT: "content",
        "/conf": "added",
        "a.service": "start: it is not there yet",
        "system.service": "restart: /conf changes",
    }


def test_path_and_unit_of_another_component_are_left() -> None:
    wanted = replace(WANTED, files={}, units={}, reactions=())
    elsewhere = {"n1-other": Declared(files=(UNIT, "/conf"), units=("a.service",))}
    plan = replacement_plan(FORMER, FORMER, replace(wanted, declared_elsewhere=elsewhere), elsewhere)
    assert told(plan) == {"/gone": "removed"}
    assert plan.handed == {UNIT: "n1-other", "/conf": "n1-other", "a.service": "n1-other"}


def test_on_a_machine_that_was_installed_again_units_start() -> None:
    again = replace(WANTED, connection=Connection("10.0.0.1", Secret("a private key"), "ssh-ed25519 BBBB"))
    found = replace(FORMER, files={}, units={"system.service": FORMER.units["system.service"]})
    assert told(replacement_plan(FORMER, found, again, {})) == {
        UNIT: "added",
        "/conf": "added",
        "a.service": "start: it is not there yet",
        "system.service": "restart: /conf changes",
    }


def test_on_a_machine_that_is_not_known_units_stop_and_start_again() -> None:
    other = replace(WANTED, connection=Connection("10.0.0.9", Secret("a private key"), "ssh-ed25519 BBBB"))
    assert told(replacement_plan(FORMER, None, other, {})) == {
        UNIT: "added",
        "/conf": "added",
        "a.service": f"restart: {REPLACED}",
        "system.service": f"restart: {REPLACED}",
    }
