"""Rollout groups: nodes that can replace each other are disrupted few at a time, and none after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from nodestate import NodeStateInputs
from provider.engine import Log
from provider.errors import NodeError
from provider.plan import Plan, disruptive
from provider.remote.shell import check_script, quoted
from provider.ssh import SshSession

RECOVERY_SECONDS = 120
"""How long the group gets to pass its health check after a change, after the node's own readiness."""


@dataclass(frozen=True)
class _Moment:
    """When a check runs, for how long it may fail, and what follows if it still does."""

    when: str
    seconds: int
    consequence: str
    operation: str = "health-check"


BEFORE = _Moment("before the change", 15, "nothing was changed on this node")
AFTER = _Moment("after the change", RECOVERY_SECONDS, "the rollout stops here")
PREVIEWED = _Moment(
    "ahead of the change", 15, "the update would be refused. First bring back the missing nodes", "preview-check"
)


@dataclass
class _Group:
    slots: asyncio.Semaphore
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Rollouts:
    """The rollout groups of one run of the engine. Creation needs no slot: new nodes come up in parallel."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}

    @asynccontextmanager
    async def slot(
        self, node: SshSession, old: NodeStateInputs, wanted: NodeStateInputs, plan: Plan, log: Log
    ) -> AsyncIterator[None]:
        """Waits for a slot of the node's group. The health check must succeed before and after the change: before as it
        was declared until now, since nodes that join the group may not exist yet; after as it is declared now.

        Without a group, or if `plan` is not disruptive, it returns at once. The first failure ends the rollout: every
        later node raises NodeError and is not touched.
        """
        rollout = wanted.rollout
        if rollout is None or not disruptive(plan):
            yield
            return
        group = self._groups.setdefault(rollout.group, _Group(asyncio.Semaphore(rollout.max_unavailable)))
        async with group.slots:
            if group.failed:
                raise NodeError(self._stopped(node.name, rollout.group, group))
            try:
                await _check(node, (old.rollout or rollout).health_check, wanted, BEFORE, log)
                yield
                await _check(node, rollout.health_check, wanted, AFTER, log)
            except BaseException:
                group.failed.append(node.name)
                raise
            group.done.append(node.name)

    @staticmethod
    def _stopped(name: str, called: str, group: _Group) -> str:
        done = (
            f"{', '.join(group.done)} {'is' if len(group.done) == 1 else 'are'} done" if group.done else "none is done"
        )
        return (
            f"{name}: not touched: {', '.join(group.failed)} of rollout group {called} failed before its slot; {done}. "
            "Fix the failure, then run pulumi again"
        )


def forecast(wanted: NodeStateInputs, plan: Plan) -> str | None:
    """The line of the preview about the slot, None if none is needed."""
    rollout = wanted.rollout
    if rollout is None or not disruptive(plan):
        return None
    number = "one" if rollout.max_unavailable == 1 else f"at most {rollout.max_unavailable}"
    return f"{wanted.node}: waits for a slot in rollout group {rollout.group}: {number} at a time, each ready before the next"


async def preview_check(node: SshSession, old: NodeStateInputs, wanted: NodeStateInputs, plan: Plan, log: Log) -> None:
    """Raises NodeError if the group's checks would block this update, or the removal of the members that leave it."""
    if wanted.rollout is None:
        return
    now = old.rollout or wanted.rollout
    if disruptive(plan):
        await _check(node, now.health_check, wanted, PREVIEWED, log)
    if leaving := sorted(set(now.members) - set(wanted.rollout.members)):
        without = replace(
            PREVIEWED,
            when=f"without {', '.join(leaving)}",
            consequence="the removal would be refused. First bring back the missing nodes",
        )
        await _check(node, wanted.rollout.removal_check, wanted, without, log)


async def _check(node: SshSession, command: str | None, wanted: NodeStateInputs, moment: _Moment, log: Log) -> None:
    if command is None or wanted.rollout is None:
        return
    group = wanted.rollout.group
    await log(f"{node.name}: checking rollout group {group} {moment.when}", ephemeral=True)
    script = (
        f"end=$(($(date +%s) + {moment.seconds}))\n"
        f"until said=$(timeout 30 sh -c {quoted(command)} 2>&1); do\n"
        '  [ "$(date +%s)" -lt "$end" ] || { printf "%s\\n" "$said" >&2; exit 1; }\n'
        "  sleep 1\n"
        "done\n"
    )
    done = await node.run(moment.operation, check_script(script), hiding=[wanted], seconds=moment.seconds + 60)
    if done.status != 0:
        raise NodeError(
            f"{node.name}: rollout group {group} is unhealthy {moment.when}; {moment.consequence}: {done.failure}"
        )
