"""How a change is announced, and made: one plan from one observation, compared with what was announced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nodestate import NodeStateInputs
from nodestate.wire import partly_unknown
from provider import changes, lost, rollout, views
from provider.apply import apply
from provider.calls import CALL
from provider.diff import without_unknown_sections
from provider.engine import Engine, Log
from provider.errors import NodeError, Unreachable
from provider.observations import Observations
from provider.observe import Request
from provider.observed import Installed, Observed
from provider.outcome import Confirm, Status
from provider.plan import Plan, disruptive, make_plan, repairs, revives, unannounced
from provider.replacement import replacement_plan, same_machine
from provider.rollout import Disruption, Rollouts
from provider.ssh import SshSession
from provider.steps import setting_lines
from provider.text_diff import hidden_changes

SETTLE_SECONDS = 10.0
"""How long a node gets to return to what was announced: a unit that another component of it has just restarted is not ready
at once."""


@dataclass(frozen=True)
class Change:
    """One resource that is created or updated. `old` is its stored state, None for a creation.

    `base` is this run's observation from before the update, None if there is none. `replaced` is the state of the resource
    that it replaces.
    """

    urn: str
    component: str
    session: SshSession
    wanted: NodeStateInputs
    old: Observed | None = None
    base: Observed | None = None
    replaced: Observed | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> Request:
        """The observation that the change needs."""
        installed = self.old.installed if self.old is not None else {}
        created = self.old is None and self.replaced is None
        return Request(self.wanted, self.component, installed, self.old, created)

    @property
    def basis(self) -> Observed:
        """The state that the plan is announced from: as observed in this run, or else as it is stored."""
        if self.replaced is not None:
            return Observed.nothing(self.wanted)
        return self.base or self.old or Observed.nothing(self.wanted)


class Incomplete(NodeError):
    """The change failed, and the node may hold a part of it: the journal on the node tells the next run what."""


class Execution:
    """Announces and makes the changes of one run."""

    def __init__(self, engine: Engine, observations: Observations, rollouts: Rollouts) -> None:
        self._engine = engine
        self._observations = observations
        self._rollouts = rollouts

    async def announce(self, change: Change) -> None:
        """Shows the plan: lines, resource views, warnings. Raises NodeError if the plan, or the rollout group's checks, would
        refuse it: once the other nodes are shown, since the first error ends a preview."""
        try:
            with self._rollouts.busy():
                await self._announce(change)
        except NodeError:
            await self._rollouts.idle()
            raise

    async def _announce(self, change: Change) -> None:
        checked = change.base is not None and change.replaced is None  # Check has shown the warnings
        if change.base is None and change.old is None:
            change = replace(change, base=await self._glance(change))
        wanted = without_unknown_sections(change.basis, change.wanted, change.inputs)
        if change.replaced is not None:
            plan = replacement_plan(change.replaced, change.base, wanted, change.wanted.declared_elsewhere or {})
        else:
            plan = make_plan(change.basis, wanted)
        order = await self._rollouts.order(wanted, change.component) if disruptive(plan) else None
        slot = rollout.forecast(wanted, plan, order)
        existing = [
            f"{wanted.node}: {path} exists already: it will be replaced"
            for path in _replaced_files(change, change.basis, plan)
        ]
        steps = [step.forecast(wanted.node) for step in plan.steps if change.old or step.action != changes.START]
        shown = hidden_changes(change.basis, wanted, plan.files) if change.old is not None else []
        settings = [
            f"{wanted.node}: {line}" for line in setting_lines(plan.settings, plan.setting_causes, change.basis)
        ]
        stale = change.basis.unmarked or change.basis.stale_marks(wanted, change.component)
        marks = [f"{wanted.node}: its owner marks will be written"] if change.old and stale else []
        handed = [f"{wanted.node}: {item} is handed over to {other}" for item, other in sorted(plan.handed.items())]
        gone = lost.lines(wanted.node, change.basis.lost)
        for line in (*gone, *existing, *marks, *settings, *steps, *handed, *([slot] if slot else []), *shown):
            await self._engine.log(change.urn, line)
        for line in () if checked else plan.warnings:
            await self._engine.warn(change.urn, f"{wanted.node}: {line}")
        if _has_rows(change, plan):
            adopted = change.component if change.old is None else None
            shown_rows = views.rows(wanted.node, lost.plan(change.basis, change.wanted), None)
            shown_rows += views.rows(wanted.node, plan, order, adopted)
            if (reason := await views.publish(CALL.get(), shown_rows)) is not None:
                told = f"{wanted.node}: the engine did not take the rows of this plan ({reason}): the lines tell of it"
                await self._engine.warn(change.urn, told)
        _refuse(wanted.node, plan)
        await self._preview_check(change, wanted, plan)

    async def _glance(self, change: Change) -> Observed | None:
        """The observation for a creation of which Check has read nothing. None if the machine is not known yet."""
        if partly_unknown((change.inputs.get("connection"), change.inputs.get("machineId"))):
            return None
        former = change.replaced
        if former is not None:
            # The deletion removes its files from this machine, and nothing from another one.
            former = replace(former, machine=None) if same_machine(former, change.wanted) else None
        return await self._observations.glance(change.session, replace(change.request, former=former), change.urn)

    async def _preview_check(self, change: Change, wanted: NodeStateInputs, plan: Plan) -> None:
        if partly_unknown(change.inputs.get("connection")):
            return
        former = (change.old or change.replaced or change.wanted).rollout
        disrupted = disruptive(plan) and not repairs(plan, change.basis)
        try:
            await rollout.preview_check(
                change.session, former, wanted, disrupted=disrupted, log=self._engine.logger(change.urn)
            )
        except Unreachable as error:
            # A preview may run where no node can be reached; `up` checks again and refuses then.
            await self._engine.warn(change.urn, f"{error}: the health of its rollout group is not known")

    async def make(self, change: Change) -> Mapping[str, Installed]:
        """Makes the change, in a slot of the rollout group if it is disruptive. Returns what is installed of each download.

        The node is observed again, in the slot once more. A plan with anything that was not announced is refused: NodeError.
        """
        log = self._engine.logger(change.urn)
        async with self._rollouts.returned(Disruption(change.session, change.component, change.wanted, log)) as confirm:
            return await self._make(change, confirm, log)

    async def _make(self, change: Change, returned: Confirm, log: Log) -> Mapping[str, Installed]:
        known = change.base is not None or change.old is not None
        announced = make_plan(change.basis, change.wanted) if known and change.replaced is None else None
        if announced is not None and change.base is not None and _takes_slot(announced, change.base):
            found, plan = change.base, announced  # it is observed again once it has the slot
        else:
            with self._rollouts.busy():
                found, plan = await self._planned(change, announced)
                if plan.empty and not _claims(change, found):
                    return _kept(change)
                if not _takes_slot(plan, found):
                    return await self._apply(change, found, plan, returned, log)
        former = change.old.rollout if change.old is not None else None
        checked = not repairs(plan, found)
        disruption = Disruption(change.session, change.component, change.wanted, log, former, checked)
        async with self._rollouts.slot(disruption) as confirm:
            found, plan = await self._planned(change, announced or plan)
            return await self._apply(change, found, plan, confirm, log)

    async def _planned(self, change: Change, announced: Plan | None) -> tuple[Observed, Plan]:
        """Observes and plans. Raises NodeError if the plan is not, or does not soon become, what was announced."""
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while True:
            found = await self._observations.read(change.session, change.request, change.urn)
            plan = make_plan(found, change.wanted)
            _refuse(change.wanted.node, plan)
            new = unannounced(announced, plan) if announced is not None else []
            if not new:
                return found, plan
            settling = not any(line.startswith("/") for line in new)  # units only, no path
            if not settling or asyncio.get_running_loop().time() > deadline:
                listed = "; ".join(new)
                raise NodeError(
                    f"{change.wanted.node}: the node changed since the plan was made: {listed}. Nothing was changed: run "
                    "pulumi again to see the new plan"
                )
            await asyncio.sleep(1)

    async def _apply(
        self, change: Change, found: Observed, plan: Plan, confirm: Confirm, log: Log
    ) -> Mapping[str, Installed]:
        self._rollouts.may_begin(change.wanted.node)
        await lost.remove(change.session, change.basis, change.wanted, log)
        for path in _replaced_files(change, found, plan):
            await log(f"{change.wanted.node}: {path} exists already: it is replaced")
        done = await apply(
            change.session,
            plan,
            found,
            change.wanted,
            change.component,
            log,
            installed=_kept(change),
            confirm=None if plan.empty else confirm,
            stack=lost.stack_note(change.urn, change.wanted),
        )
        if done.status is Status.UNKNOWN:
            raise Incomplete(done.error)
        return done.expect_done()


def _takes_slot(plan: Plan, found: Observed) -> bool:
    return disruptive(plan) and not revives(plan, found)


def _claims(change: Change, found: Observed) -> bool:
    """Whether the node's notes about the component, its owner marks and its stack, are not those of the program: something
    is new, a lost creation may have taken something over, or a mark is stale. A stale one would make a file of others look
    like its own later."""
    old, new = change.old, change.wanted
    return (
        old is None
        or found.unmarked
        or bool(change.basis.lost)
        or bool(found.stale_marks(new, change.component))
        or found.stacks.get(change.component) != lost.stack_note(change.urn, new)
        or any(getattr(new, name).keys() - getattr(old, name).keys() for name in ("files", "directories", "units"))
    )


def _kept(change: Change) -> Mapping[str, Installed]:
    return change.old.installed if change.old is not None else {}


def _replaced_files(change: Change, found: Observed, plan: Plan) -> list[str]:
    """Files that are on the node with another content, and that no earlier run put there."""
    known = change.old.files if change.old is not None else {}
    return [
        one.path
        for one in plan.files
        if one.path in found.files and one.path not in known and one.rewrites and not one.removes
    ]


def _refuse(node: str, plan: Plan) -> None:
    if plan.refused:
        raise NodeError(f"{node}: {'; '.join(plan.refused)}")


def _has_rows(change: Change, plan: Plan) -> bool:
    """A creation on a node that has nothing of it yet shows its inputs: each of its files and units is new."""
    if change.old is not None or change.replaced is not None:
        return True
    found = change.basis
    there = found.files or found.directories or found.units
    return bool(there) or any(step.unit not in change.wanted.units for step in plan.steps)
