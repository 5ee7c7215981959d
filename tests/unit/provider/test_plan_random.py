"""Properties of every plan, over random states of a node: it leads to the wanted state, and then nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from nodestate import NodeStateInputs
from provider.observed import Observed
from provider.plan import make_plan, unannounced
from tests.unit.provider import model

NUMBER = 1500
Pair = tuple[Observed, NodeStateInputs]


def pairs() -> Iterator[Pair]:
    """Random states, found and wanted. A failure names the seed."""
    for seed in range(NUMBER):
        random = Random(seed)
        wanted = model.wanted_state(random)
        yield model.found_state(random, wanted), wanted


PAIRS = tuple(pairs())


def every(check: Callable[[Pair], None]) -> Callable[[], None]:
    """A test that holds for every pair."""

    def test() -> None:
        for seed, pair in enumerate(PAIRS):
            try:
                check(pair)
            except AssertionError as error:
                pytest.fail(f"seed {seed}: {error}\nfound {pair[0]}\nwanted {pair[1]}", pytrace=False)

    test.__doc__ = check.__doc__
    return test


@every
def test_carrying_out_a_plan_gives_the_wanted_state(pair: Pair) -> None:
    before, wanted = pair
    after = model.carry_out(make_plan(before, wanted), before, wanted)
    assert after.files.keys() == wanted.files.keys()
    for path, file in wanted.files.items():
        found = after.files[path]
        assert (found.content, found.mode, found.owner, found.group) == (
            file.content,
            file.mode,
            file.owner,
            file.group,
        )
    assert after.directories.keys() == wanted.directories.keys()
    for name, unit in wanted.units.items():
        found_unit = after.units[name]
        at_boot = found_unit.enabled and not found_unit.runtime
        assert (at_boot, found_unit.active, found_unit.masked) == (unit.enabled, unit.active, False)


@every
def test_second_plan_is_empty(pair: Pair) -> None:
    before, wanted = pair
    after = model.carry_out(make_plan(before, wanted), before, wanted)
    assert make_plan(after, wanted).empty, make_plan(after, wanted)


@every
def test_plan_of_the_wanted_state_is_empty(pair: Pair) -> None:
    _, wanted = pair
    assert make_plan(model.as_wanted(wanted), wanted).empty


@every
def test_order_never_matters(pair: Pair) -> None:
    before, wanted = pair
    random = Random(len(before.files))
    assert make_plan(_shuffled(before, random), _shuffled(wanted, random)) == make_plan(before, wanted)


@every
def test_plan_announces_itself(pair: Pair) -> None:
    plan = make_plan(*pair)
    assert unannounced(plan, plan) == []


@every
def test_each_unit_has_one_step_and_each_path_one_change(pair: Pair) -> None:
    plan = make_plan(*pair)
    for names in (
        [step.unit for step in plan.steps],
        [one.path for one in plan.files],
        [one.path for one in plan.directories],
    ):
        assert len(names) == len(set(names))


def _shuffled(state: Any, random: Random) -> Any:
    """The same state with its maps in another order."""

    def shuffled(values: Mapping[str, Any]) -> dict[str, Any]:
        names = list(values)
        random.shuffle(names)
        return {name: values[name] for name in names}

    maps = {name: shuffled(getattr(state, name)) for name in ("files", "directories", "units", "probes")}
    return replace(state, **maps)
