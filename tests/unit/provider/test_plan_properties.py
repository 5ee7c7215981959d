"""Properties of plans: a plan applied to what was found gives what is wanted, a second plan is empty, order never matters;
and a plan is announced exactly by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodestate import Directory, File, NodeStateInputs
from provider.changes import DAEMON_RELOAD, DISABLE, ENABLE, REENABLE, RESTART, START, STOP, UNMASK
from provider.observed import Observed, ObservedDirectory, ObservedFile, ObservedUnit
from provider.plan import Plan, disruptive, make_plan, repairs, unannounced
from tests.unit.provider.inputs import NODE, inputs, observed
from tests.unit.provider.model import reloads

PATHS = st.sampled_from(["/a", "/b", "/c", "/etc/systemd/system/a.service", "/etc/systemd/system/b.service"])
UNITS = st.sampled_from(["a.service", "b.service", "c.service"])
CONTENT = st.sampled_from(["", "one\n", "two", "[Install]\nWantedBy=x.target\n", "[Install]\nWantedBy=y.target\n"])
MODES = st.sampled_from(["0600", "0644"])
FILES = st.dictionaries(PATHS, st.fixed_dictionaries({"content": CONTENT, "mode": MODES}))
WANTED = st.fixed_dictionaries(
    {
        "files": FILES,
        "directories": st.dictionaries(st.sampled_from(["/d", "/e"]), st.fixed_dictionaries({"mode": MODES})),
        "units": st.dictionaries(UNITS, st.fixed_dictionaries({"enabled": st.booleans(), "active": st.booleans()})),
        "probes": st.dictionaries(
            st.sampled_from(["p", "q"]),
            st.builds(
                lambda text: {"command": "c", "expected": text, "unit": "a.service"}, st.sampled_from(["0", "1"])
            ),
        ),
        "reactions": st.lists(
            st.builds(
                lambda unit, action, files: {"unit": unit, "action": action, "files": files},
                UNITS,
                st.sampled_from(["restart", "reload"]),
                st.lists(PATHS, min_size=1, max_size=2, unique=True),
            ),
            max_size=3,
        ),
    }
)
CONDITIONS = st.dictionaries(
    UNITS,
    st.fixed_dictionaries(
        {
            "enabled": st.booleans(),
            "active": st.booleans(),
            "masked": st.booleans(),
            "runtime": st.booleans(),
            "failed": st.booleans(),
            "looping": st.booleans(),
            "reloadNeeded": st.booleans(),
            "stale": st.sampled_from([[], ["/a"]]),
            "links": st.sampled_from([[], ["y.target.wants/a.service"]]),
        }
    ),
)
FOUND = st.builds(lambda wire, units: wire | {"units": units}, WANTED, CONDITIONS)
T = TypeVar("T")


def applied(plan: Plan, found: Observed, wanted: NodeStateInputs) -> Observed:
    """A model of a node after the plan: it does what the plan names, and nothing else."""
    files = dict(found.files)
    for change in plan.files:
        files.pop(change.path, None)
        if not change.removes:
            files[change.path] = ObservedFile(**vars(wanted.files[change.path]))
    directories = dict(found.directories)
    for change in plan.directories:
        directories.pop(change.path, None)
        if not change.removes:
            directories[change.path] = ObservedDirectory(**vars(wanted.directories[change.path]))
    units = dict(found.units)
    for name, verbs in plan.settings.items():
        unit = units.get(name, ObservedUnit(enabled=False, active=False))
        for verb in verbs:
            unit = replace(
                unit,
                masked=unit.masked and verb != UNMASK,
                runtime=unit.runtime and verb not in (UNMASK, ENABLE, DISABLE),
                enabled=verb in (ENABLE, REENABLE) or (unit.enabled and verb != DISABLE),
                links=() if verb in (ENABLE, REENABLE, DISABLE) else unit.links,
                reload_needed=unit.reload_needed and verb != DAEMON_RELOAD,
            )
        units[name] = unit
    for step in plan.steps:
        unit = units.get(step.unit, ObservedUnit(enabled=False, active=False))
        if step.action in (START, RESTART):
            unit = replace(unit, active=True, failed=False, looping=False, stale=())
        elif step.action == STOP:
            unit = replace(unit, active=False, failed=False, looping=False, stale=())
        units[step.unit] = unit
    restarted = {step.unit for step in plan.steps if step.action in (START, RESTART)} | reloads(plan, wanted)
    probes = {
        name: wanted.probes[name] if one.unit in restarted and name in wanted.probes else one
        for name, one in found.probes.items()
    }
    gone = {name for name in units if name not in wanted.units}
    return replace(
        found,
        files=files,
        directories=directories,
        units={name: unit for name, unit in units.items() if name not in gone},
        probes=probes,
        reactions=wanted.reactions,
    )


@settings(max_examples=50, deadline=None)
@given(FOUND, WANTED)
def test_plan_applied_to_the_found_state_gives_the_wanted_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    # No restart repairs a probe of a unit that is not wanted, or should not run.
    repairable = new["units"].get("a.service", {}).get("active", False)
    found, wanted = observed(old), inputs(new if repairable else new | {"probes": {}})
    plan = make_plan(found, wanted)
    after = applied(plan, found, wanted)
    assert _shapes(after.files) == _shapes(wanted.files)
    assert _shapes(after.directories) == _shapes(wanted.directories)
    for name, unit in wanted.units.items():
        assert (after.units[name].enabled, after.units[name].active) == (unit.enabled, unit.active)
    assert make_plan(after, wanted).empty


@settings(max_examples=30, deadline=None)
@given(FOUND, WANTED)
def test_plan_does_not_depend_on_the_order_of_files_and_units(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert make_plan(observed(_turned(old)), inputs(_turned(new))) == make_plan(observed(old), inputs(new))


@settings(max_examples=30, deadline=None)
@given(FOUND, FOUND, WANTED)
def test_unannounced_is_empty_exactly_where_nothing_more_happens(
    old: dict[str, Any], other: dict[str, Any], new: dict[str, Any]
) -> None:
    announced, actual = make_plan(observed(old), inputs(new)), make_plan(observed(other), inputs(new))
    assert unannounced(actual, actual) == []
    if not unannounced(announced, actual):
        assert {one.path for one in actual.files} <= {one.path for one in announced.files}
        assert {one.unit for one in actual.steps} <= {one.unit for one in announced.steps}
        assert disruptive(announced) or not disruptive(actual)
    assert len(unannounced(Plan(), actual)) == len(actual.files) + len(actual.directories) + len(actual.settings) + len(
        actual.steps
    ) + len(actual.aside)


def _shapes(shapes: Mapping[str, File] | Mapping[str, Directory]) -> dict[str, tuple[Any, ...]]:
    return {path: (getattr(one, "content", None), one.mode) for path, one in shapes.items()}


def _turned(wire: dict[str, Any]) -> dict[str, Any]:
    return {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in wire.items()} | {
        key: value for key, value in wire.items() if key in NODE
    }


RESTARTS = {
    "files": {"/a": {"content": "one"}},
    "units": {"a.service": {}},
    "reactions": [{"unit": "a.service", "action": "restart", "files": ["/a"]}],
}


@pytest.mark.parametrize(
    ("announced", "actual", "lines"),
    [
        ({}, {"files": {"/a": {"content": "hand"}}}, ["/a: content", "a.service restarts because /a changes"]),
        ({"files": {"/a": {"content": "hand"}}}, {}, []),
        ({"files": {"/a": {"content": "hand"}}}, {"files": {}}, []),
        ({"files": {}}, {"files": {"/a": {"content": "hand"}}}, []),
        ({"files": {"/a": {"content": "one", "mode": "0600"}}}, {"files": {}}, ["/a: added", "a.service restarts because /a changes"]),
        ({"files": {"/a": {"content": "hand"}}}, {"units": {"a.service": {"active": False}}}, []),
        ({"units": {"a.service": {"active": False}}}, {"files": {"/a": {"content": "hand"}}}, ["/a: content", "a.service restarts because /a changes"]),
        ({}, {"units": {"a.service": {"enabled": False}}}, ["a.service: enable"]),
        ({}, {"units": {"a.service": {"looping": True, "restarts": 3}}}, ["a.service restarts because it restarts again and again (3 times)"]),
    ],
)  # fmt: skip
def test_unannounced_names_what_the_announced_plan_does_not(
    announced: dict[str, Any], actual: dict[str, Any], lines: list[str]
) -> None:
    wanted = inputs(RESTARTS)
    plans = [make_plan(observed(RESTARTS | one), wanted) for one in (announced, actual)]
    assert unannounced(*plans) == lines


@pytest.mark.parametrize(
    ("old", "repair"),
    [
        ({"files": {"/a": {"content": "hand"}}}, False),
        ({"files": {"/a": {"content": "hand"}}, "units": {"a.service": {"active": False}}}, True),
        ({"units": {"a.service": {"looping": True}}}, True),
        ({"units": {"a.service": {"stale": ["/a"]}}}, False),
        ({}, True),
    ],
)
def test_repairs_are_plans_for_units_that_do_not_work(old: dict[str, Any], repair: bool) -> None:
    found = observed(RESTARTS | old)
    assert repairs(make_plan(found, inputs(RESTARTS)), found) is repair


def test_restart_for_a_probe_is_a_repair() -> None:
    probes = {"p": {"command": "c", "expected": "1", "unit": "a.service"}}
    found = observed(RESTARTS | {"probes": {"p": probes["p"] | {"expected": "0"}}})
    plan = make_plan(found, inputs(RESTARTS | {"probes": probes}))
    assert disruptive(plan)
    assert repairs(plan, found)
