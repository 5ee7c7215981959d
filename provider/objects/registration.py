"""plumbline:index:NodeRegistration: a node in the API, with its labels and taints; drained and deleted when it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from nodestate import UNKNOWN, vocabulary
from nodestate.secret import is_unknown
from nodestate.wire import partly_unknown
from provider.calls import CALL
from provider.engine import Engine
from provider.errors import NodeError
from provider.objects import nodes, shown, wait
from provider.objects.connection import ApiRefused, ApiSilent
from provider.objects.drain import drain
from provider.objects.inputs import access
from provider.objects.nodes import Marks
from provider.objects.plan import CREATE, UPDATE, FieldChange, ObjectChange, SetPlan, field_changes
from provider.objects.servers import DELETE_SECONDS, UPDATE_SECONDS, ApiServers
from provider.values import Properties, received, sent

VERSION, KUBELET = "version", "kubelet"
MARKS = ("labels", "taints")
WAY = ("servers", "kubeconfig")
"""The inputs that are no outputs: every node would have a second copy of the way to the API, and of its credentials."""


@dataclass(frozen=True)
class _Found:
    """A node in the API: whether it is registered, and what changes of it."""

    registered: bool
    changes: tuple[FieldChange, ...] = ()


class NodeRegistrations:
    """The resource's operations. One instance serves one run of the engine."""

    def __init__(self, engine: Engine, servers: ApiServers) -> None:
        self._engine = engine
        self._servers = servers
        self._found: dict[str, _Found | None] = {}
        self._program = False

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        self._program = True
        data, former = received(request.new_inputs), received(request.old_inputs)
        if former and not any(partly_unknown(data.get(key)) for key in MARKS):
            self._found[request.urn] = await self._look(request.urn, data, Marks.of(former))
        return api.CheckResponse(request.new_inputs, [])

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        data, old = received(request.new_inputs), received(request.old_state)
        kind = api.PropertyDiffKind.UPDATE
        found = self._found.get(request.urn)
        changed = {VERSION: api.PropertyDiff(kind, False)} if data.get(VERSION) != old.get(VERSION) else {}
        if found is not None and not found.registered:
            changed["node"] = api.PropertyDiff(kind, False)
        fields = found.changes if found is not None else _by_state(data, old)
        for one in fields:
            changed[f'{one.path[1]}["{one.path[-1]}"]'] = api.PropertyDiff(kind, False)
        return api.DiffResponse(changes=bool(changed), replaces=[], delete_before_replace=False, detailed_diff=changed)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        data = received(request.properties)
        if request.preview:
            return api.CreateResponse("", _outputs(request.properties, sent(UNKNOWN)))
        return api.CreateResponse(str(data["node"]), await self._make(request.urn, data, {}, request.properties))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        data, old = received(request.news), received(request.olds)
        if request.preview:
            await self._announce(request.urn, data, old)
            same = data.get(VERSION) == old.get(VERSION)
            version = request.olds.get(KUBELET, PropertyValue("")) if same else sent(UNKNOWN)
            return api.UpdateResponse(_outputs(request.news, version))
        return api.UpdateResponse(await self._make(request.urn, data, old, request.news))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        if not request.inputs:
            raise NodeError("a NodeRegistration cannot be imported: declare it")
        data, properties = received(request.inputs), dict(request.properties)
        if (way := access(data)) is not None:
            requests = self._servers.use(way, request.urn, 0)
            try:
                live = await requests.get(nodes.path(str(data["node"])))
            except NodeError as error:
                await self._engine.warn(request.urn, f"{error}: {vocabulary.NOT_READ}")
            else:
                has = nodes.found(live, Marks.of(data)) if live is not None else Marks()
                properties |= {"labels": sent(has.labels), "taints": sent(has.taints)}
        return api.ReadResponse(request.resource_id, properties, dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        data = received(CALL.get().old_inputs or request.properties)
        way, node = access(data), str(data["node"])
        if way is None:
            return
        try:
            await drain(self._servers.use(way, request.urn, DELETE_SECONDS), node, self._engine.logger(request.urn))
        except NodeError as error:
            if self._program:
                raise NodeError(f"{node} is not drained: {error}") from None
            # The whole cluster is destroyed.
            await self._engine.warn(request.urn, f"{node} is not drained: {error}")

    async def _look(self, urn: str, data: Mapping[str, Any], former: Marks) -> _Found | None:
        """A node as the API has it; None, with a warning, if it does not answer."""
        way = access(data) or access(received(CALL.get().old_inputs))
        if way is None:
            return None
        node = str(data["node"])
        try:
            live = await self._servers.use(way, urn, 0).get(nodes.path(node))
        except (ApiSilent, ApiRefused) as error:
            await self._engine.warn(urn, f"{node}: {error}: {vocabulary.NOT_COMPARED}")
            return None
        return _Found(live is not None, () if live is None else nodes.changes(node, live, Marks.of(data), former))

    async def _announce(self, urn: str, data: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        found, node = self._found.get(urn), str(data["node"])
        fields = found.changes if found is not None else _by_state(data, old)
        registered = found is None or found.registered
        drift = Marks.of(data) == Marks.of(received(CALL.get().old_inputs))
        note = "" if registered else "it has not registered: `up` waits until its kubelet does"
        if not (fields or note):
            if not old and found is not None:
                await shown.announce_existing(self._engine, urn, vocabulary.NODES_SET)
            return
        manifest = Marks.of(data).manifest(node)
        change = ObjectChange(
            nodes.ref(node), UPDATE if registered else CREATE, manifest, fields, drift=drift, note=note
        )
        await shown.announce(self._engine, urn, vocabulary.NODES_SET, SetPlan((change,)))

    async def _make(
        self, urn: str, data: Mapping[str, Any], old: Mapping[str, Any], inputs: Properties
    ) -> dict[str, PropertyValue]:
        node, version, log = str(data["node"]), str(data.get(VERSION) or ""), self._engine.logger(urn)
        if (way := access(data)) is None:
            raise NodeError(f"{node}: the control-plane nodes are not known")
        requests = self._servers.use(way, urn, UPDATE_SECONDS)
        live = await requests.get(nodes.path(node))
        if new := live is None:
            await log(vocabulary.changing(vocabulary.NODES_SET, CREATE, nodes.ref(node)))
        # Nothing waits for a node that is down, unless something of it is to change.
        if live is None or version != old.get(VERSION):
            probe = wait.registered(requests, node, version)
            await wait.until(probe, wait.REGISTRATION_SECONDS, node, log)
        former = Marks.of(received(CALL.get().old_inputs)) if old else Marks()
        live = await requests.send("GET", nodes.path(node))
        if not new and nodes.changes(node, live, Marks.of(data), former):
            await log(vocabulary.changing(vocabulary.NODES_SET, UPDATE, nodes.ref(node)))
        await nodes.patch(requests, node, Marks.of(data), former)
        live = await requests.send("GET", nodes.path(node))
        found = str(((live.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion") or "")
        return _outputs(inputs, sent(found))


def _by_state(data: Mapping[str, Any], old: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The difference to the stored state, for an API that does not answer."""
    node = str(data["node"])
    wanted = Marks.of(data).manifest(node)
    if any(is_unknown(data.get(key)) for key in MARKS):
        return ()
    return field_changes(nodes.ref(node), Marks.of(old).manifest(node), wanted, wanted)


def _outputs(inputs: Properties, version: PropertyValue) -> dict[str, PropertyValue]:
    return {**{key: value for key, value in inputs.items() if key not in WAY}, KUBELET: version}
