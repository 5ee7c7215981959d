"""Rollout groups: nodes that can replace each other are disrupted few at a time, and none after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

from nodestate import NodeStateInputs, Rollout, vocabulary
from provider.engine import Log
from provider.errors import NodeError
from provider.group import Group, Quiet
from provider.health import AFTER, BEFORE, PREVIEWED, check
from provider.outcome import Confirm
from provider.plan import Plan, disruptive
from provider.ssh import SshSession

POLL_SECONDS = 0.05

SHOWN_SECONDS = 5.0
"""A preview in which nothing happens for so long has shown all that it can."""

MOST_LEAVING = 2
"""Members that may leave a group in one plan, one after another: three members become one."""


@dataclass(frozen=True)
class Disruption:
    """A change of one component that makes units of its node unavailable for a while.

    `former` is the rollout as it was declared until now: nodes that join the group may not exist yet, so its health check is
    the one before the change. `checked`: a repair is not held to the group's health check.
    """

    session: SshSession
    component: str
    wanted: NodeStateInputs
    log: Log
    former: Rollout | None = None
    checked: bool = True


class Rollouts:
    """The rollout groups of one run of the engine."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._quiet = Quiet()
        self._program = False
        self._interrupted = False

    def interrupt(self) -> None:
        """Nothing is begun from now on; what is under way goes on to its end."""
        self._interrupted = True

    def may_begin(self, node: str) -> None:
        """Raises NodeError if the run was interrupted."""
        if self._interrupted:
            raise NodeError(vocabulary.interrupted(node))

    def expect(self, wanted: NodeStateInputs, component: str, *, disrupted: bool, replaced: bool) -> str | None:
        """Notes early what the plan does to a member, so that slots are given in the order of `members`.

        Returns the reason if more members would be replaced in one plan than may be unavailable.
        """
        self._program = True
        self._quiet.touch()
        if (rollout := wanted.rollout) is None:
            return None
        group = self._group(rollout)
        group.expect(wanted.node, component, disrupted=disrupted, replaced=replaced)
        replacing = sorted(group.replacing)
        if replaced and len(replacing) > rollout.max_unavailable:
            return (
                f"{', '.join(replacing)} of rollout group {rollout.group} would be replaced in one plan, and "
                f"{_at_most(rollout)} may be unavailable at a time. Replace them one after another"
            )
        return None

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Surrounds work on a node: what waits for the checks of other members knows that they may still come."""
        with self._quiet.busy():
            yield

    async def idle(self) -> None:
        """Waits until the engine has asked for nothing, and nothing was done, for a while."""
        while not self._quiet.now(SHOWN_SECONDS):
            await asyncio.sleep(POLL_SECONDS)

    async def order(self, wanted: NodeStateInputs, component: str) -> str | None:
        """The node's slot among the members that the plan disrupts, such as "2 of 3", once every member's check was seen or
        no more come."""
        if wanted.rollout is None:
            return None
        group = self._group(wanted.rollout)
        while group.unchecked(wanted.node, component) and not self._quiet.since_touched():
            await asyncio.sleep(POLL_SECONDS)
        ranked = group.ranked()
        return f"{ranked.index(wanted.node) + 1} of {len(ranked)}" if wanted.node in ranked else None

    @asynccontextmanager
    async def slot(self, change: Disruption) -> AsyncIterator[Confirm]:
        """Waits for a slot of the node's group; the health check must succeed before the change, and `Confirm` tells after it.

        Without a group it returns at once. Components of one node share the node's slot, one after another. The first
        failure ends the rollout: every later node raises NodeError and is not touched.
        """
        rollout = change.wanted.rollout
        if rollout is None:
            yield _nothing
            return
        group, node = self._group(rollout), change.wanted.node
        former = change.former or rollout

        async def confirm() -> None:
            if change.checked:
                await check(change.session, rollout.health_check, change.wanted, AFTER, change.log)

        async with self._turn(group, node, change):
            if change.checked:
                await check(change.session, former.health_check, change.wanted, BEFORE, change.log)
            yield confirm

    @asynccontextmanager
    async def leaving(self, change: Disruption) -> AsyncIterator[None]:
        """The slot of a resource that is deleted; if it is replaced, the health check must succeed before, and the slot is held
        until it is created again (`returned`).

        A destroy of the whole stack takes none, unless a hook decides whether the member may leave.
        """
        rollout = change.wanted.rollout
        if rollout is None or not (self._program or change.wanted.pre_delete):
            with self.busy():
                yield
            return
        group = self._group(rollout)
        replaced = group.is_replacing(change.wanted.node, change.component)
        async with self._turn(group, change.wanted.node, change, hold=replaced):
            if replaced:
                await check(change.session, rollout.health_check, change.wanted, BEFORE, change.log)
            yield

    @asynccontextmanager
    async def returned(self, change: Disruption) -> AsyncIterator[Confirm]:
        """Surrounds a creation: the slot that the deletion of the former resource took is given back after it."""
        rollout, node = change.wanted.rollout, change.wanted.node
        group = self._group(rollout) if rollout else None
        if rollout is None or group is None or not group.is_held(node, change.component):
            yield _nothing
            return
        command = rollout.health_check
        try:
            yield lambda: check(change.session, command, change.wanted, AFTER, change.log)
        except BaseException:
            group.give_back(node, change.component, failed=True)
            raise
        group.give_back(node, change.component)

    @asynccontextmanager
    async def _turn(self, group: Group, node: str, change: Disruption, hold: bool = False) -> AsyncIterator[None]:
        component, told = change.component, False
        group.expect(node, component, disrupted=True, replaced=False)
        while not group.may_go(node, component, quiet=self._quiet.now()):
            self._go_on(group, node)
            if not told:
                told = True
                await change.log(f"{node}: {vocabulary.waiting(group.name)}", ephemeral=True)
            await asyncio.sleep(POLL_SECONDS)
        self._go_on(group, node)
        group.enter(node)
        try:
            async with group.lock(node):
                self._go_on(group, node)
                with self.busy():
                    yield
        except BaseException:
            group.leave(node, component, failed=True)
            raise
        group.leave(node, component, hold=hold)

    def _go_on(self, group: Group, node: str) -> None:
        """Raises NodeError if the rollout has ended."""
        self.may_begin(node)
        if group.failed:
            raise NodeError(group.stopped(node))

    def _group(self, rollout: Rollout) -> Group:
        group = self._groups.setdefault(rollout.group, Group(rollout.group))
        group.declare(rollout)
        return group


def forecast(wanted: NodeStateInputs, plan: Plan, order: str | None = None) -> str | None:
    """The line of the preview about the slot, None if none is needed."""
    rollout = wanted.rollout
    if rollout is None or not disruptive(plan):
        return None
    number = "one" if rollout.max_unavailable == 1 else f"at most {rollout.max_unavailable}"
    first = ""
    if rollout.canaries and rollout.max_unavailable > 1:
        first = f" after {rollout.canaries} alone"
    line = f"{wanted.node}: waits for a slot in rollout group {rollout.group}: {number} at a time{first}, each ready before the next"
    return f"{line} (slot {order})" if order else line


def leaving(former: Rollout | None, rollout: Rollout | None) -> str | None:
    """The reason if more than MOST_LEAVING members leave a group in one plan, and the others must go on without them."""
    if former is None or rollout is None or rollout.removal_check is None:
        return None
    gone = sorted(set(former.members) - set(rollout.members))
    limit = max(MOST_LEAVING, rollout.max_unavailable)
    if len(gone) <= limit:
        return None
    return (
        f"{', '.join(gone)} would leave rollout group {rollout.group} in one plan, and at most {limit} may. Remove the "
        "others in a later plan"
    )


async def preview_check(
    node: SshSession, former: Rollout | None, wanted: NodeStateInputs, *, disrupted: bool, log: Log
) -> None:
    """Raises NodeError if the group's checks would block this update, or the removal of the members that leave it."""
    if wanted.rollout is None:
        return
    now = former or wanted.rollout
    if disrupted:
        await check(node, now.health_check, wanted, PREVIEWED, log)
    if gone := sorted(set(now.members) - set(wanted.rollout.members)):
        without = replace(
            PREVIEWED,
            when=f"without {', '.join(gone)}",
            consequence="the removal would be refused. First bring back the missing nodes",
        )
        await check(node, wanted.rollout.removal_check, wanted, without, log)


def _at_most(rollout: Rollout) -> str:
    return "only one" if rollout.max_unavailable == 1 else f"at most {rollout.max_unavailable}"


async def _nothing() -> None:
    """Confirms a change that no group has to confirm."""
