"""Turns of a rollout group: how many at a time, in which case none, and what a failure does to those that wait."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from provider.model import NodeError, Rollout, State
from provider.plan import Plan, UnitStep
from provider.rollout import Rollouts, forecast
from provider.transport import Result

RESTART = Plan(steps=(UnitStep("etcd.service", "restart", "its settings change"),))
START = Plan(steps=(UnitStep("etcd.service", "start", "it was found stopped"),))


class Member:
    """A node that answers each guard with the next of `answers`, well once there are none left."""

    def __init__(self, name: str, *answers: int) -> None:
        self.name = name
        self.answers = list(answers)
        self.asked: list[str] = []

    async def run(self, purpose: str, script: str, **_: Any) -> Result:
        self.asked.append(script)
        return Result(self.answers.pop(0) if self.answers else 0, "", "etcd: m3 does not answer")


def state(name: str, **more: Any) -> State:
    return State(name, name, {}, {}, {}, (), (), rollout=Rollout("etcd", "ask the others", **more))


async def silent(line: str, passing: bool = False) -> None:
    pass


class Scene:
    """Three members that go through their turns at once."""

    def __init__(self) -> None:
        self.rollouts = Rollouts()
        self.busy = self.most = 0
        self.order: list[str] = []

    async def go(
        self, member: Member, plan: Plan = RESTART, fails: bool = False, old: State | None = None, **more: Any
    ) -> None:
        wanted = state(member.name, **more)
        async with self.rollouts.turn(member, old or wanted, wanted, plan, silent):  # type: ignore[arg-type]
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.order.append(member.name)
            await asyncio.sleep(0.01)
            self.busy -= 1
            if fails:
                raise NodeError(f"{member.name}: etcd.service is not ready")

    def run(self, *turns: Any) -> list[BaseException | None]:
        async def all_of_them() -> list[BaseException | None]:
            ended: list[BaseException | None] = await asyncio.gather(*turns, return_exceptions=True)
            return ended

        return asyncio.run(all_of_them())


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (2, 2)])
def test_so_many_at_a_time(at_once: int, most: int) -> None:
    scene = Scene()
    assert scene.run(*(scene.go(Member(f"m{n}"), at_once=at_once) for n in (1, 2, 3))) == [None] * 3
    assert scene.most == most
    assert sorted(scene.order) == ["m1", "m2", "m3"]


def test_what_disturbs_nothing_takes_no_turn() -> None:
    scene = Scene()
    members = [Member(f"m{n}") for n in (1, 2, 3)]
    assert scene.run(*(scene.go(member, START) for member in members)) == [None] * 3
    assert scene.most == 3
    assert [member.asked for member in members] == [[], [], []]
    assert forecast(state("m1"), START) is None


def test_the_first_failure_stops_the_rest_and_says_who_is_done() -> None:
    scene = Scene()
    done, failed, untouched = scene.run(
        scene.go(Member("m1")), scene.go(Member("m2"), fails=True), scene.go(Member("m3"))
    )
    assert done is None
    assert str(failed) == "m2: etcd.service is not ready"
    assert str(untouched) == (
        "m3: not touched: m2 of rollout group etcd failed before its turn; m1 is done. "
        "Mend what failed, then run pulumi again"
    )
    assert scene.order == ["m1", "m2"]


def test_a_group_that_is_not_whole_is_not_touched() -> None:
    scene = Scene()
    [failed] = scene.run(scene.go(Member("m1", 1)))
    assert "m1: rollout group etcd is not whole before the change; nothing was changed on this node" in str(failed)
    assert "etcd: m3 does not answer" in str(failed)
    assert scene.order == []


def test_before_a_change_the_group_is_asked_that_was_and_after_it_the_one_that_is_to_be() -> None:
    scene = Scene()
    alone = replace(state("m1"), rollout=Rollout("etcd", None))
    member = Member("m1")
    assert scene.run(scene.go(member, old=alone)) == [None]
    [after] = member.asked
    assert "ask the others" in after
    former = replace(state("m1"), rollout=Rollout("etcd", "ask the former"))
    member = Member("m1")
    assert scene.run(scene.go(member, old=former)) == [None]
    assert ["ask the former" in asked for asked in member.asked] == [True, False]


def test_a_group_that_does_not_come_back_stops_the_rollout() -> None:
    scene = Scene()
    failed, untouched = scene.run(scene.go(Member("m1", 0, 1)), scene.go(Member("m2")))
    assert "m1: rollout group etcd is not whole after the change; the rollout stops here" in str(failed)
    assert "m2: not touched: m1" in str(untouched)


def test_the_plan_names_the_turn() -> None:
    assert forecast(state("m1"), RESTART) == (
        "m1: takes its turn in rollout group etcd: one at a time, each ready before the next"
    )
    assert forecast(replace(state("m1"), rollout=None), RESTART) is None
