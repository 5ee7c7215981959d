"""Slots of a rollout group: how many at a time, when none is needed, and the effect of a failure on waiting nodes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from nodestate import Connection, NodeStateInputs, Rollout, Secret
from provider.errors import NodeError
from provider.plan import Plan, UnitStep
from provider.rollout import Rollouts, forecast
from provider.ssh import Result

RESTART = Plan(steps=(UnitStep("etcd.service", "restart", "its settings change"),))
START = Plan(steps=(UnitStep("etcd.service", "start", "it was found stopped"),))


class Member:
    """A node that answers each health check with the next of `answers`, successfully once there are none left."""

    def __init__(self, name: str, *answers: int) -> None:
        self.name = name
        self.answers = list(answers)
        self.asked: list[str] = []

    async def run(self, purpose: str, script: str, **_: Any) -> Result:
        self.asked.append(script)
        return Result(self.answers.pop(0) if self.answers else 0, "", "", "etcd: m3 does not answer")


def state(name: str, **more: Any) -> NodeStateInputs:
    connection = Connection(name, Secret("key"), "ssh-ed25519 AAAA")
    rollout = Rollout("etcd", "ask the others", **more)
    return NodeStateInputs(node=name, machine_id=name, connection=connection, rollout=rollout)


async def silent(line: str, ephemeral: bool = False) -> None:
    pass


class Scene:
    """Three members that update at once."""

    def __init__(self) -> None:
        self.rollouts = Rollouts()
        self.busy = self.most = 0
        self.order: list[str] = []

    async def go(
        self, member: Member, plan: Plan = RESTART, fails: bool = False, old: NodeStateInputs | None = None, **more: Any
    ) -> None:
        wanted = state(member.name, **more)
        async with self.rollouts.slot(member, old or wanted, wanted, plan, silent):  # type: ignore[arg-type]
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.order.append(member.name)
            await asyncio.sleep(0.01)
            self.busy -= 1
            if fails:
                raise NodeError(f"{member.name}: etcd.service is not ready")

    def run(self, *updates: Any) -> list[BaseException | None]:
        async def all_of_them() -> list[BaseException | None]:
            ended: list[BaseException | None] = await asyncio.gather(*updates, return_exceptions=True)
            return ended

        return asyncio.run(all_of_them())


@pytest.mark.parametrize(("max_unavailable", "most"), [(1, 1), (2, 2)])
def test_rollout_disrupts_max_unavailable_nodes_at_a_time(max_unavailable: int, most: int) -> None:
    scene = Scene()
    assert scene.run(*(scene.go(Member(f"m{n}"), max_unavailable=max_unavailable) for n in (1, 2, 3))) == [None] * 3
    assert scene.most == most
    assert sorted(scene.order) == ["m1", "m2", "m3"]


def test_rollout_needs_no_slot_for_a_start() -> None:
    scene = Scene()
    members = [Member(f"m{n}") for n in (1, 2, 3)]
    assert scene.run(*(scene.go(member, START) for member in members)) == [None] * 3
    assert scene.most == 3
    assert [member.asked for member in members] == [[], [], []]
    assert forecast(state("m1"), START) is None


def test_rollout_stops_at_the_first_failure() -> None:
    scene = Scene()
    done, failed, untouched = scene.run(
        scene.go(Member("m1")), scene.go(Member("m2"), fails=True), scene.go(Member("m3"))
    )
    assert done is None
    assert str(failed) == "m2: etcd.service is not ready"
    assert str(untouched) == (
        "m3: not touched: m2 of rollout group etcd failed before its slot; m1 is done. "
        "Fix the failure, then run pulumi again"
    )
    assert scene.order == ["m1", "m2"]


def test_rollout_refuses_an_unhealthy_group() -> None:
    scene = Scene()
    [failed] = scene.run(scene.go(Member("m1", 1)))
    assert "m1: rollout group etcd is unhealthy before the change; nothing was changed on this node" in str(failed)
    assert "etcd: m3 does not answer" in str(failed)
    assert scene.order == []


def test_rollout_checks_the_old_group_before_and_the_new_one_after() -> None:
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


def test_rollout_stops_if_the_group_does_not_recover() -> None:
    scene = Scene()
    failed, untouched = scene.run(scene.go(Member("m1", 0, 1)), scene.go(Member("m2")))
    assert "m1: rollout group etcd is unhealthy after the change; the rollout stops here" in str(failed)
    assert "m2: not touched: m1" in str(untouched)


def test_rollout_forecast_names_the_group() -> None:
    assert forecast(state("m1"), RESTART) == (
        "m1: waits for a slot in rollout group etcd: one at a time, each ready before the next"
    )
    assert forecast(replace(state("m1"), rollout=None), RESTART) is None
