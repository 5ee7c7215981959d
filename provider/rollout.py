"""Rollout groups: of nodes that stand in for each other, few are disturbed at a time, and none after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from provider import plan as planning
from provider.model import NodeError, State
from provider.plan import Plan
from provider.react import Say, last, without_secrets
from provider.script import given_script, quoted
from provider.transport import Node

DISTURBING = (planning.RESTART, planning.SELF_RELOAD, planning.STOP)
"""What takes a turn. A self-reload may end in a restart; a start of what is down repairs and waits for nobody."""

GUARD_SECONDS = 120
"""How long a guard gets to find the group whole again, after the node's own readiness."""


@dataclass(frozen=True)
class _Proof:
    """When a command is asked, for how long it may say no, and what follows if it does."""

    when: str
    seconds: int
    consequence: str
    operation: str = "guard"


BEFORE = _Proof("before the change", 15, "nothing was changed on this node")
AFTER = _Proof("after the change", GUARD_SECONDS, "the rollout stops here")
PREVIEWED = _Proof(
    "ahead of the change", 15, "it would be refused. Bring back what is missing first, by itself", "foresee"
)


@dataclass
class _Group:
    turns: asyncio.Semaphore
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Rollouts:
    """The groups of one run of the engine. Nodes that are made for the first time take no turn: they come in parallel."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}

    @asynccontextmanager
    async def turn(self, node: Node, old: State, wanted: State, forecast: Plan, say: Say) -> AsyncIterator[None]:
        """Waits for the node's turn in its group, and proves the group whole before and after what is done in it:
        before as it was, since nodes that join it may not be there yet, after as it is to be.

        Without a group, or where `forecast` disturbs no unit, there is nothing to wait for. The first failure ends the
        rollout: every later node raises NodeError and is not touched.
        """
        rollout = wanted.rollout
        if rollout is None or not disturbs(forecast):
            yield
            return
        group = self._groups.setdefault(rollout.group, _Group(asyncio.Semaphore(rollout.at_once)))
        async with group.turns:
            if group.failed:
                raise NodeError(self._stopped(node.name, rollout.group, group))
            try:
                await _proven(node, (old.rollout or rollout).guard, wanted, BEFORE, say)
                yield
                await _proven(node, rollout.guard, wanted, AFTER, say)
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
            f"{name}: not touched: {', '.join(group.failed)} of rollout group {called} failed before its turn; {done}. "
            "Mend what failed, then run pulumi again"
        )


def disturbs(forecast: Plan) -> bool:
    """Whether a plan takes something away from the group for a while."""
    return any(step.action in DISTURBING for step in forecast.steps)


def forecast(wanted: State, plan: Plan) -> str | None:
    """The plan's line on the turn, None where none is taken."""
    rollout = wanted.rollout
    if rollout is None or not disturbs(plan):
        return None
    number = "one" if rollout.at_once == 1 else f"at most {rollout.at_once}"
    return f"{wanted.node}: takes its turn in rollout group {rollout.group}: {number} at a time, each ready before the next"


async def foresee(node: Node, old: State, wanted: State, plan: Plan, say: Say) -> None:
    """Raises NodeError in the preview already where the deed would be refused: the group is not whole now, or would
    not be without those that leave it."""
    if wanted.rollout is None:
        return
    now = old.rollout or wanted.rollout
    if disturbs(plan):
        await _proven(node, now.guard, wanted, PREVIEWED, say)
    if leaving := sorted(set(now.members) - set(wanted.rollout.members)):
        without = replace(
            PREVIEWED,
            when=f"without {', '.join(leaving)}",
            consequence="a removal would be refused. Bring back what is missing first",
        )
        await _proven(node, wanted.rollout.remaining, wanted, without, say)


async def _proven(node: Node, command: str | None, wanted: State, proof: _Proof, say: Say) -> None:
    if command is None or wanted.rollout is None:
        return
    group = wanted.rollout.group
    await say(f"{node.name}: proving rollout group {group} whole {proof.when}", passing=True)
    script = (
        f"end=$(($(date +%s) + {proof.seconds}))\n"
        f"until said=$(timeout 30 sh -c {quoted(command)} 2>&1); do\n"
        '  [ "$(date +%s)" -lt "$end" ] || { printf "%s\\n" "$said" >&2; exit 1; }\n'
        "  sleep 1\n"
        "done\n"
    )
    done = await node.run(proof.operation, given_script(script), seconds=proof.seconds + 60)
    if done.status != 0:
        said = without_secrets(last(done.stderr), wanted)
        raise NodeError(f"{node.name}: rollout group {group} is not whole {proof.when}; {proof.consequence}: {said}")
