"""plumbline:index:ObjectSet: manifests that are applied, read, repaired and pruned as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from nodestate import Secret, vocabulary
from nodestate.wire import partly_unknown
from provider.calls import CALL
from provider.engine import Engine
from provider.errors import NodeError, PartlyDone
from provider.objects import shown
from provider.objects.connection import ApiRefused, ApiSilent
from provider.objects.inputs import OBJECTS, ObjectSet, object_set, problems
from provider.objects.manifest import Manifest, Ref, is_secret, secret_paths
from provider.objects.plan import CREATE, DELETE, ObjectChange, SetPlan, make_plan, plan_blindly
from provider.objects.servers import DELETE_SECONDS, UPDATE_SECONDS, Access, ApiServers, Requests
from provider.objects.update import Update
from provider.values import Properties, received, sent

RECORDED = ("name", "takeFrom", "waitSeconds")
"""Inputs whose change touches no object."""


@dataclass(frozen=True)
class _Seen:
    """The plan that Check has made for a resource in this run. `blind`: the API did not answer."""

    plan: SetPlan
    blind: bool = False


@dataclass(frozen=True)
class _Read:
    """The plan that a refresh has made of a set as it is stored: the API is not asked the same again."""

    stored: ObjectSet
    plan: SetPlan


class ObjectSets:
    """The resource's operations. One instance serves one run of the engine."""

    def __init__(self, engine: Engine, servers: ApiServers) -> None:
        self._engine = engine
        self._servers = servers
        self._seen: dict[str, _Seen] = {}
        self._read: dict[str, _Read] = {}
        self._program = False
        """Whether a program runs: without one, the whole stack is destroyed."""

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        self._program = True
        data, former = received(request.new_inputs), received(request.old_inputs)
        failures = [api.CheckFailure(key, f"set {data.get('name')}: {key} {reason}") for key, reason in problems(data)]
        if not failures and former and not partly_unknown(data.get(OBJECTS)):
            await self._plan(request.urn, object_set(data), object_set(former))
        return api.CheckResponse(request.new_inputs, failures)

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        data, old = received(request.new_inputs), received(request.old_state)
        kind = api.PropertyDiffKind.UPDATE
        changed = {key: api.PropertyDiff(kind, False) for key in RECORDED if data.get(key) != old.get(key)}
        seen = self._seen.get(request.urn)
        plan = seen.plan if seen is not None else plan_blindly(object_set(data), object_set(old))
        if rest := _unplanned(plan, object_set(data), object_set(old)):
            plan = replace(plan, changes=(*plan.changes, *rest))
            if seen is not None:  # not the difference that a refresh asks for
                self._seen[request.urn] = _Seen(plan, seen.blind)
        for change in plan.changes:
            kinds = {CREATE: api.PropertyDiffKind.ADD, DELETE: api.PropertyDiffKind.DELETE}
            changed[f'{OBJECTS}["{change.ref}"]'] = api.PropertyDiff(kinds.get(change.operation, kind), False)
        return api.DiffResponse(changes=bool(changed), replaces=[], delete_before_replace=False, detailed_diff=changed)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        wanted = object_set(received(request.properties))
        if request.preview:
            await self._announce(request.urn, wanted, None)
            return api.CreateResponse("", dict(request.properties))
        outputs = await self._make(request.urn, wanted, None, request.properties, wanted.name)
        return api.CreateResponse(wanted.name, outputs)

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        wanted, former = object_set(received(request.news)), self._former(received(request.olds))
        if request.preview:
            await self._announce(request.urn, wanted, former)
            return api.UpdateResponse(dict(request.news))
        return api.UpdateResponse(await self._make(request.urn, wanted, former, request.news, request.resource_id))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        if not request.inputs:
            raise NodeError("an ObjectSet cannot be imported: declare it, and `pulumi up` takes over existing objects")
        wanted = object_set(received(request.inputs))
        kept = api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))
        if wanted.access is None:
            return kept
        try:
            plan = await make_plan(self._requests(wanted.access, request.urn, 0), wanted, wanted)
        except ApiSilent as error:
            await self._engine.warn(request.urn, f"set {wanted.name}: {error}: {vocabulary.NOT_READ}")
            return kept
        self._read[request.urn] = _Read(wanted, plan)
        return api.ReadResponse(request.resource_id, _outputs(request.properties, wanted, plan), dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        if not self._program:
            return  # the objects go with the cluster
        former = self._former(received(request.properties), received(CALL.get().old_inputs))
        if former.access is None:
            return
        requests = self._requests(former.access, request.urn, DELETE_SECONDS)
        update = Update(requests, replace(former, objects={}), former, self._engine.logger(request.urn))
        await update.make(await make_plan(requests, replace(former, objects={}), former))

    def _former(self, olds: Mapping[str, Any], inputs: Mapping[str, Any] | None = None) -> ObjectSet:
        """The set as it was applied last: its inputs tell it, and the outputs what else of it is there."""
        stored = object_set(inputs if inputs is not None else received(CALL.get().old_inputs))
        there = object_set(olds)
        objects = {**there.objects, **stored.objects}
        return replace(there, objects=objects, access=stored.access or there.access)

    async def _plan(self, urn: str, wanted: ObjectSet, former: ObjectSet | None) -> _Seen:
        """The plan of this run: by what the API has, or else by the state."""
        if (seen := self._seen.get(urn)) is not None:
            return seen
        access = wanted.access or (former.access if former is not None else None)
        seen = None
        read = self._read.get(urn)
        if read is not None and former is not None and _same(read.stored, wanted) and _same(read.stored, former):
            seen = _Seen(read.plan)
        elif access is not None:
            try:
                seen = _Seen(await make_plan(self._requests(access, urn, 0), wanted, former))
            except ApiSilent as error:
                if former is not None:
                    await self._engine.warn(urn, f"set {wanted.name}: {error}: {vocabulary.NOT_COMPARED}")
            except ApiRefused as error:
                if former is not None:
                    raise
                # Nothing of a new cluster is there yet: the update tells.
                await self._engine.warn(urn, f"set {wanted.name}: {error}")
        seen = self._seen[urn] = seen or _Seen(plan_blindly(wanted, former), blind=True)
        if not seen.blind:
            for line in shown.warnings(seen.plan):
                await self._engine.warn(urn, f"set {wanted.name}: {line}")
        return seen

    async def _announce(self, urn: str, wanted: ObjectSet, former: ObjectSet | None) -> None:
        seen = await self._plan(urn, wanted, former)
        if former is None and seen.blind:
            return  # a creation shows its inputs
        if former is None and not seen.plan.changes:
            await shown.announce_existing(self._engine, urn, wanted.name)
        else:
            await shown.announce(self._engine, urn, wanted.name, seen.plan)

    async def _make(
        self, urn: str, wanted: ObjectSet, former: ObjectSet | None, inputs: Properties, resource_id: str
    ) -> dict[str, PropertyValue]:
        if wanted.access is None:
            raise NodeError(f"set {wanted.name}: its control-plane nodes are not known")
        requests = self._requests(wanted.access, urn, UPDATE_SECONDS)
        update = Update(requests, wanted, former, self._engine.logger(urn))
        try:
            await update.make(await make_plan(requests, wanted, former))
        except NodeError as error:
            failure = str(error) if str(error).startswith("set ") else f"set {wanted.name}: {error}"
            # All of both is remembered, so that the next run prunes what was made.
            both = replace(wanted, objects={**(former.objects if former is not None else {}), **wanted.objects})
            outputs = _outputs(inputs, both, SetPlan())
            raise PartlyDone(f"{failure}. Fix that, then run pulumi up again", resource_id, outputs) from None
        plan = await make_plan(requests, wanted, wanted)
        return _outputs(inputs, wanted, plan)

    def _requests(self, access: Access, urn: str, seconds: float) -> Requests:
        return self._servers.use(access, urn, seconds)


def _same(one: ObjectSet, other: ObjectSet) -> bool:
    return one.objects == other.objects and one.take_from == other.take_from


def _unplanned(plan: SetPlan, wanted: ObjectSet, there: ObjectSet) -> list[ObjectChange]:
    """The deletions that the inputs of before do not tell of: what a failed run has left."""
    planned = {change.ref for change in plan.changes}
    left = [ref for ref in there.objects if ref not in wanted.objects and ref not in planned]
    return [ObjectChange(ref, DELETE, there.objects[ref]) for ref in left]


def _outputs(inputs: Properties, wanted: ObjectSet, plan: SetPlan) -> dict[str, PropertyValue]:
    """The inputs, with what the API has of the objects. Secrets of the program stay as they were given."""
    found = {}
    for ref, manifest in wanted.objects.items():
        live = plan.live.get(ref, manifest)
        if live is not None:
            found[str(ref)] = _veiled(ref, live, manifest)
    return {**inputs, OBJECTS: sent(found)}


def _veiled(ref: Ref, live: Manifest, manifest: Manifest) -> Manifest:
    """The live values with each secret of the manifest, and all data of a Secret, marked as secret."""
    hidden = set(secret_paths(manifest))

    def one(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Secret):
            return value
        if (path in hidden or is_secret(ref, path)) and not isinstance(value, Mapping | list):
            return Secret(str(value))
        if isinstance(value, Mapping):
            return {key: one(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            # Items of a list that holds a secret are not told apart: all of it is one.
            below = any(len(known) > len(path) and known[: len(path)] == path for known in hidden)
            return [one(inner, path) if not below else Secret(str(inner)) for inner in value]
        return value

    veiled: Manifest = one(live, ())
    return veiled
