"""plumbline:index:NodeState: its operations check, diff, create, read, update and delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from nodestate import UNKNOWN, NodeStateInputs, from_wire, problems, revision, to_wire, vocabulary
from nodestate.secret import is_unknown
from nodestate.wire import partly_unknown
from provider import rollout
from provider.calls import CALL
from provider.delete import delete_state
from provider.diff import detailed, differing_keys, replaces, with_facts_of_new_probes, without_unknown_sections
from provider.digest import observed_input
from provider.display import marked, marked_like, received
from provider.engine import Engine
from provider.errors import NodeError, PartlyDone, Unreachable
from provider.execute import Change, Execution, Incomplete
from provider.handover import Declarations
from provider.lost import LostCreations, component_name, refusal
from provider.observations import Observations
from provider.observe import Request
from provider.observed import Installed, Observed
from provider.plan import Plan, disruptive, make_plan
from provider.replacement import on_the_same_machine, same_machine
from provider.rollout import Disruption, Rollouts
from provider.ssh import SshPool, SshSession
from provider.values import Properties, sent

OBSERVED = "observed"
"""The input that Check adds (digest.py): a saved plan holds it and compares it, nothing else does."""

ELSEWHERE = "declaredElsewhere"
"""The input that Check takes away and keeps for this run (handover.py): it tells of the program, not of the node."""


class NodeStates:
    """The resource's operations. One instance serves one run of the engine."""

    def __init__(self, engine: Engine, pool: SshPool) -> None:
        self._engine = engine
        self._pool = pool
        self._observations = Observations(engine)
        self._rollouts = Rollouts()
        self._execution = Execution(engine, self._observations, self._rollouts)
        self._bases: dict[str, Observed] = {}
        self._replaced: dict[str, Observed] = {}
        self._declarations = Declarations()
        self._read: set[SshSession] = set()
        """Nodes of which the stack has a resource already, and which answered in this run."""
        self._lost = LostCreations()

    def interrupt(self) -> None:
        """Nothing is begun from now on."""
        self._rollouts.interrupt()

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        inputs, former = received(request.new_inputs), received(request.old_inputs)
        named = inputs.get("node")
        node = f"{named}: " if isinstance(named, str) and named else ""
        failures = [api.CheckFailure(key, f"{node}{key} {reason}") for key, reason in problems(inputs)]
        if failures or not node:
            return api.CheckResponse(request.new_inputs, failures)
        wanted, component = from_wire(NodeStateInputs, inputs), _component(request.urn)
        old = from_wire(NodeStateInputs, former) if former else None
        replaced = replaces(former, inputs)
        base = None if replaced else await self._base(request.urn, inputs, wanted, old)
        plan = make_plan(base, without_unknown_sections(base, wanted, inputs)) if base is not None else None
        if old is not None and (reason := rollout.leaving(old.rollout, wanted.rollout)):
            failures.append(api.CheckFailure("rollout", f"{node}{reason}"))
        disrupted = plan is not None and disruptive(plan)
        if reason := self._rollouts.expect(wanted, component, disrupted=disrupted, replaced=replaced):
            failures.append(api.CheckFailure("machineId", f"{node}{reason}"))
        # Here, since a resource whose plan has nothing but warnings is never updated.
        for line in plan.warnings if plan is not None else ():
            await self._engine.warn(request.urn, f"{node}{line}")
        if old is not None and replaced and not partly_unknown(inputs.get("connection")):
            base, plan = await self._replaced_here(request.urn, wanted, old)
        digests = observed_input(base, wanted, plan) if base is not None and plan is not None else {}
        self._declarations.note(component, wanted)
        news = marked({key: value for key, value in request.new_inputs.items() if key != ELSEWHERE})
        if digests:
            news[OBSERVED] = sent(digests)
        return api.CheckResponse(news, failures)

    async def _base(
        self, urn: str, inputs: Mapping[str, Any], wanted: NodeStateInputs, old: NodeStateInputs | None
    ) -> Observed | None:
        """This run's observation, by which the change is announced. None for a node that cannot be read now."""
        if partly_unknown(inputs.get("connection")) or partly_unknown(inputs.get("machineId")):
            return None
        component, session = _component(urn), self._session(wanted, old)
        if old is None and wanted.machine_id is not None and session not in self._read:
            return None  # perhaps a new machine: it is read when its resource is previewed or created, many at once
        found = await self._observations.once(session, Request(wanted, component, {}, old, created=old is None), urn)
        if found is not None:
            gone, kept = self._lost.find(urn, component, wanted, found)
            for name in kept:
                await self._engine.warn(urn, refusal(wanted.node, name))
            found = self._bases[component] = replace(found, lost=tuple(gone))
            if old is not None:
                self._read.add(session)
        return found

    async def _replaced_here(
        self, urn: str, wanted: NodeStateInputs, old: NodeStateInputs
    ) -> tuple[Observed | None, Plan | None]:
        """The state that a replacement finds on its machine, and its changes there; nothing if the new resource is on another one."""
        if not same_machine(old, wanted):
            return None, None
        asked = Request(wanted, _component(urn), {}, old)
        found = await self._observations.once(self._session(wanted, old), asked, urn)
        return found, on_the_same_machine(found, wanted) if found is not None else None

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        inputs = received(request.new_inputs)
        old = from_wire(Observed, received(request.old_state))
        new = without_unknown_sections(old, from_wire(NodeStateInputs, inputs), inputs)
        base = self._bases.get(_component(request.urn))
        old = with_facts_of_new_probes(old, new, base)
        old = replace(old, lost=base.lost if base is not None else ())
        plan = make_plan(old, new)
        stale = base is not None and bool(base.stale_marks(new, _component(request.urn)))
        keys = differing_keys(old, new, inputs)
        replacing = [key for key, kind in keys.items() if kind == api.PropertyDiffKind.UPDATE_REPLACE]
        if replacing:
            self._replaced[_component(request.urn)] = old
        return api.DiffResponse(
            changes=not plan.empty or bool(keys) or old.unmarked or bool(old.lost) or stale,
            replaces=replacing,
            # The old machine is removed, or about to be: undo first what is on it.
            delete_before_replace=bool(replacing),
            detailed_diff={
                key: api.PropertyDiff(kind, False) for key, kind in (detailed(old, new, plan) | keys).items()
            },
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        inputs = received(request.properties)
        change = self._change(request.urn, inputs, replaced=self._replaced.get(_component(request.urn)))
        if request.preview:
            await self._execution.announce(change)
            return api.CreateResponse("", self._outputs(request.properties, change, {}))
        resource_id = f"{change.wanted.node}/{change.component}"
        try:
            installed = await self._execution.make(change)
        except Incomplete as failure:
            # Nothing of it is known to be on the node, so the next run does all of it again.
            outputs = self._outputs(request.properties, change, {})
            outputs |= {key: sent({}) for key in ("files", "directories", "units")}
            raise PartlyDone(str(failure), resource_id, outputs) from None
        return api.CreateResponse(resource_id, self._outputs(request.properties, change, installed))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        inputs, old = received(request.news), from_wire(Observed, received(request.olds))
        change = self._change(request.urn, inputs, old)
        if request.preview:
            await self._execution.announce(change)
            return api.UpdateResponse(self._outputs(request.news, change, old.installed))
        try:
            installed = await self._execution.make(change)
        except Incomplete as failure:
            raise PartlyDone(str(failure), request.resource_id, dict(request.olds)) from None
        return api.UpdateResponse(self._outputs(request.news, change, installed))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        if not request.inputs:
            raise NodeError(
                "a NodeState cannot be imported: declare it, and `pulumi up` adopts existing files and units"
            )
        self._lost.stored(_component(request.urn))
        wanted = from_wire(NodeStateInputs, received(request.inputs))
        stored = from_wire(Observed, received(request.properties))
        session = self._session(wanted, stored)
        try:
            asked = Request(wanted, _component(request.urn), stored.installed)
            found = await self._observations.read(session, asked, request.urn)
        except Unreachable as error:
            # A node that does not answer is not gone: the state stays as it was.
            await self._engine.warn(request.urn, f"{error}: {vocabulary.NOT_READ}")
            return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))
        self._read.add(session)
        if stored.machine and found.machine and stored.machine != found.machine:
            await self._engine.warn(
                request.urn,
                f"{wanted.node}: another machine answers: its /etc/machine-id was {stored.machine}, it is {found.machine}",
            )
        written = to_wire(found)
        written["files"] = marked_like(written["files"], request.inputs)
        properties = dict(request.inputs)
        found_keys = [key for key in Observed.FOUND if key in written and (written[key] or key in properties)]
        properties |= {key: sent(written[key]) for key in found_keys}
        properties |= {key: request.properties[key] for key in Observed.KEPT if key in request.properties}
        properties.pop(OBSERVED, None)
        return api.ReadResponse(request.resource_id, properties, dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        state = from_wire(Observed, received(request.properties))
        # A creation that failed has outputs without files: the secrets of its inputs may be on the node.
        asked = from_wire(NodeStateInputs, received(CALL.get().old_inputs or request.properties))
        session, component = self._session(state, asked), _component(request.urn)
        disruption = Disruption(session, component, state, self._engine.logger(request.urn))
        kept = self._declarations.kept(state.node, component)
        await delete_state(self._engine, self._rollouts, request.urn, disruption, state, kept)

    def _change(
        self, urn: str, inputs: Mapping[str, Any], old: Observed | None = None, replaced: Observed | None = None
    ) -> Change:
        wanted, component = from_wire(NodeStateInputs, inputs), _component(urn)
        wanted = replace(wanted, declared_elsewhere=self._declarations.elsewhere(component))
        return Change(
            urn,
            component,
            self._session(wanted, old or replaced),
            wanted,
            old,
            self._bases.get(component),
            replaced,
            inputs,
        )

    def _outputs(
        self, inputs: Properties, change: Change, installed: Mapping[str, Installed]
    ) -> dict[str, PropertyValue]:
        found = self._observations.last(change.component)
        machine = found.machine if found is not None else change.old.machine if change.old is not None else None
        return {
            **{key: value for key, value in inputs.items() if key != OBSERVED},
            **({"machine": sent(machine)} if machine else {}),
            "revision": sent(revision(change.wanted) or UNKNOWN),
            "installed": sent({path: to_wire(one) for path, one in installed.items()}),
        }

    def _session(self, inputs: NodeStateInputs, former: NodeStateInputs | None = None) -> SshSession:
        """The session of a node, which hides the secrets of the inputs, and the former ones, in all that it prints."""
        session = self._pool.session(inputs.node, inputs.connection)
        session.hide([one for one in (inputs, former) if one is not None and not is_unknown(one.connection)])
        return session


def _component(urn: str) -> str:
    """The resource's own name: unique in a stack, and safe as a file name."""
    return component_name(urn.rpartition("::")[2])
