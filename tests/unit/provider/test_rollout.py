"""Slots of a rollout group: how many at a time, when none is needed, and the effect of a failure on waiting nodes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from nodestate import Connection, Hook, NodeStateInputs, Rollout, Secret
from provider import group
from provider.changes import UnitStep
from provider.errors import NodeError
from provider.plan import Plan
from provider.rollout import Disruption, Rollouts, forecast, leaving
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
        self, member: Member, fails: bool = False, old: NodeStateInputs | None = None, checked: bool = True, **more: Any
    ) -> None:
        wanted = state(member.name, **more)
        former = old.rollout if old is not None else None
        change = Disruption(member, f"{member.name}-etcd", wanted, silent, former, checked)  # type: ignore[arg-type]
        async with self.rollouts.slot(change) as confirm:
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.order.append(member.name)
            await asyncio.sleep(0.01)
            self.busy -= 1
            if fails:
                raise NodeError(f"{member.name}: etcd.service is not ready")
            await confirm()

    def expect(self, *names: str, **more: Any) -> None:
        """The checks of members that the plan disrupts."""
        for name in names:
            self.rollouts.expect(state(name, **more), f"{name}-etcd", disrupted=True, replaced=False)

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


def test_rollout_gives_slots_in_the_order_of_the_members() -> None:
    scene, members = Scene(), ("m3", "m1", "m2")
    scene.expect("m1", "m2", "m3", members=members)
    assert scene.run(*(scene.go(Member(f"m{n}"), members=members) for n in (1, 2, 3))) == [None] * 3
    assert scene.order == ["m3", "m1", "m2"]


def test_rollout_does_not_wait_for_a_member_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "QUIET_SECONDS", 0.2)
    scene, members = Scene(), ("m1", "m2", "m3")
    scene.expect("m1", "m3", members=members)  # m1 is expected, m2 is no target of this run
    assert scene.run(scene.go(Member("m3"), members=members)) == [None]


def test_an_interrupted_rollout_ends_after_the_present_slot() -> None:
    scene, members = Scene(), ("m1", "m2", "m3")
    scene.expect(*members, members=members)

    async def interrupt() -> None:
        while not scene.busy:
            await asyncio.sleep(0.001)
        scene.rollouts.interrupt()

    results = scene.run(*(scene.go(Member(name), members=members) for name in members), interrupt())
    assert scene.order == ["m1"]
    assert [str(one) for one in results[1:3]] == [
        f"{name}: not touched: the run was interrupted before its turn. Run pulumi again" for name in ("m2", "m3")
    ]
    assert results[0] is None


def test_rollout_takes_canaries_alone() -> None:
    scene = Scene()
    more: dict[str, Any] = {"max_unavailable": 3, "canaries": 1, "members": ("m1", "m2", "m3")}
    scene.expect("m1", "m2", "m3", **more)
    assert scene.run(*(scene.go(Member(f"m{n}"), **more) for n in (1, 2, 3))) == [None] * 3
    assert scene.order[0] == "m1"
    assert scene.most == 2


def test_canary_that_fails_leaves_the_others_untouched() -> None:
    scene = Scene()
    more: dict[str, Any] = {"max_unavailable": 3, "canaries": 1, "members": ("m1", "m2", "m3")}
    scene.expect("m1", "m2", "m3", **more)
    failures = scene.run(*(scene.go(Member(f"m{n}"), fails=n == 1, **more) for n in (1, 2, 3)))
    assert [str(one).partition(" failed")[0] for one in failures[1:]] == [
        "m2: not touched: m1 of rollout group etcd",
        "m3: not touched: m1 of rollout group etcd",
    ]
    assert scene.order == ["m1"]


@pytest.mark.parametrize("announced", [True, False], ids=["preview", "update"])
def test_check_of_another_component_is_not_waited_for_in_vain(announced: bool) -> None:
    """The runtime of m1 was checked, and its etcd comes later than that of m2: m1 is first all the same."""
    scene, members = Scene(), ("m1", "m2")
    for name in members:
        scene.rollouts.expect(state(name, members=members), f"{name}-runtime", disrupted=False, replaced=False)
    scene.expect("m2", members=members)

    async def later() -> None:
        await asyncio.sleep(0.1)
        scene.expect("m1", members=members)
        await scene.go(Member("m1"), members=members)

    async def order() -> None:
        assert await scene.rollouts.order(state("m2", members=members), "m2-etcd") == "2 of 2"

    second = order() if announced else scene.go(Member("m2"), members=members)
    assert scene.run(second, later()) == [None, None]
    assert scene.order == (["m1"] if announced else ["m1", "m2"])


def test_rollout_announces_the_order() -> None:
    async def orders(scene: Scene) -> list[str | None]:
        return [
            await scene.rollouts.order(state(name, members=("m1", "m2", "m3")), f"{name}-etcd")
            for name in ("m1", "m2", "m3")
        ]

    scene = Scene()
    scene.expect("m1", "m3", members=("m1", "m2", "m3"))
    scene.rollouts.expect(state("m2", members=("m1", "m2", "m3")), "m2-etcd", disrupted=False, replaced=False)
    assert asyncio.run(orders(scene)) == ["1 of 2", None, "2 of 2"]
    assert str(forecast(state("m3"), RESTART, "2 of 2")).endswith("each ready before the next (slot 2 of 2)")


def test_rollout_refuses_more_replacements_than_may_be_unavailable() -> None:
    rollouts = Rollouts()
    assert rollouts.expect(state("m1"), "m1-etcd", disrupted=False, replaced=True) is None
    assert rollouts.expect(state("m1"), "m1-api", disrupted=False, replaced=True) is None, "the same node"
    assert rollouts.expect(state("m2"), "m2-etcd", disrupted=False, replaced=True) == (
        "m1, m2 of rollout group etcd would be replaced in one plan, and only one may be unavailable at a time. "
        "Replace them one after another"
    )


def test_rollout_refuses_three_members_that_leave_in_one_plan() -> None:
    former = Rollout("etcd", removal_check="true", members=("m1", "m2", "m3", "m4", "m5"))
    assert leaving(former, replace(former, members=("m1", "m2", "m3"))) is None
    assert leaving(former, replace(former, members=("m1", "m2"))) == (
        "m3, m4, m5 would leave rollout group etcd in one plan, and at most 2 may. Remove the others in a later plan"
    )


def test_slot_of_a_replaced_node_is_held_until_it_is_created_again() -> None:
    scene, wanted = Scene(), state("m1")
    change = Disruption(Member("m1"), "m1-etcd", wanted, silent)  # type: ignore[arg-type]
    deleted = asyncio.Event()

    async def replaced() -> None:
        scene.rollouts.expect(wanted, "m1-etcd", disrupted=False, replaced=True)
        async with scene.rollouts.leaving(change):
            scene.order.append("m1 deleted")
        deleted.set()
        await asyncio.sleep(0.2)
        async with scene.rollouts.returned(change):
            scene.order.append("m1 created")

    async def other() -> None:
        await deleted.wait()
        await scene.go(Member("m2"))

    assert scene.run(replaced(), other()) == [None, None]
    assert scene.order == ["m1 deleted", "m1 created", "m2"]


def test_destroy_takes_no_slot_unless_a_hook_decides() -> None:
    scene = Scene()

    async def gone(name: str, **more: Any) -> None:
        change = Disruption(Member(name), name, replace(state(name), **more), silent)  # type: ignore[arg-type]
        async with scene.rollouts.leaving(change):
            scene.busy += 1
            scene.most = max(scene.most, scene.busy)
            await asyncio.sleep(0.01)
            scene.busy -= 1

    assert scene.run(*(gone(f"m{n}") for n in (1, 2, 3))) == [None] * 3
    assert scene.most == 3
    scene.most = 0
    hook = Hook("etcd.service", "true")
    assert scene.run(*(gone(f"m{n}", pre_delete=(hook,)) for n in (1, 2, 3))) == [None] * 3
    assert scene.most == 1


def test_repair_is_not_held_to_the_health_check() -> None:
    scene, member = Scene(), Member("m1", 1, 1)
    assert scene.run(scene.go(member, checked=False)) == [None]
    assert member.asked == []


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
    assert forecast(state("m1"), START) is None
