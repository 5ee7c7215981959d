"""The provider itself: check, diff, create, read, update and delete of plumbline:index:NodeState."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from nodestate import UNKNOWN, NodeStateInputs, from_wire, problems, revision, to_wire
from nodestate.wire import partly_unknown
from provider import react, rollout
from provider.apply import apply
from provider.comment_diff import comment_diff
from provider.diff import detailed, differing_keys, without_unknown_sections
from provider.engine import Engine, Log
from provider.errors import HostKeyMismatch, NodeError, Unreachable
from provider.observe import NodeReader, Request
from provider.observed import Installed, Observed
from provider.plan import make_plan
from provider.remote.scripts import delete_script
from provider.remote.units import UNIT_FOLDER
from provider.ssh import SshPool, SshSession
from provider.values import Properties, received, sent

NODE_STATE = "plumbline:index:NodeState"


class NodeStateProvider(api.Provider):
    """One instance serves one run of the engine: it pools a connection to each node."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._pool = SshPool()
        self._reader = NodeReader()
        self._rollouts = rollout.Rollouts()

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True, accept_resources=True)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        if request.type.rpartition("$")[2] != NODE_STATE:
            return api.CheckResponse(request.new_inputs, [api.CheckFailure("", f"{request.type} is not {NODE_STATE}")])
        inputs = received(request.new_inputs)
        named = inputs.get("node")
        node = f"{named}: " if isinstance(named, str) and named else ""
        found = [api.CheckFailure(key, f"{node}{key} {reason}") for key, reason in problems(inputs)]
        return api.CheckResponse(request.new_inputs, found)

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        inputs = received(request.new_inputs)
        old = from_wire(Observed, received(request.old_state))
        new = without_unknown_sections(old, from_wire(NodeStateInputs, inputs), inputs)
        plan = make_plan(old, new)
        keys = differing_keys(old, new, inputs)
        replacing = [key for key, kind in keys.items() if kind == api.PropertyDiffKind.UPDATE_REPLACE]
        if not replacing:
            slot = rollout.forecast(new, plan)
            for line in (
                *(step.forecast(new.node) for step in plan.steps),
                *([slot] if slot else []),
                *comment_diff(old, new, plan.files),
            ):
                await self._engine.announce(request.urn, line)
        return api.DiffResponse(
            changes=not plan.empty or bool(keys),
            replaces=replacing,
            # The old machine is removed, or about to be: undo first what is on it.
            delete_before_replace=bool(replacing),
            detailed_diff={
                key: api.PropertyDiff(kind, False) for key, kind in (detailed(old, new, plan) | keys).items()
            },
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        wanted = from_wire(NodeStateInputs, received(request.properties))
        component = _component(request.urn)
        if request.preview:
            return api.CreateResponse("", _outputs(request.properties, wanted, {}))
        plan = make_plan(Observed.nothing(wanted), wanted)
        installed = await apply(self._session(wanted), plan, wanted, component, {}, self._log(request.urn))
        return api.CreateResponse(f"{wanted.node}/{component}", _outputs(request.properties, wanted, installed))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        inputs = received(request.news)
        old = from_wire(Observed, received(request.olds))
        wanted = from_wire(NodeStateInputs, inputs)
        installed = old.installed
        if request.preview:
            await self._preview_check(request.urn, inputs, old, without_unknown_sections(old, wanted, inputs))
        elif not (plan := make_plan(old, wanted)).empty:
            session, log = self._session(wanted, old), self._log(request.urn)
            async with self._rollouts.slot(session, old, wanted, plan, log):
                installed = await apply(session, plan, wanted, _component(request.urn), installed, log)
        return api.UpdateResponse(_outputs(request.news, wanted, installed))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        if not request.inputs:
            raise NodeError(
                "a NodeState cannot be imported: declare it, and `pulumi up` adopts existing files and units"
            )
        wanted = from_wire(NodeStateInputs, received(request.inputs))
        stored = from_wire(Observed, received(request.properties))
        try:
            found = await self._reader.observe(
                self._session(wanted, stored), Request(wanted, _component(request.urn), stored.installed)
            )
        except Unreachable as error:
            # A node that does not answer is not gone: the state stays as it was.
            await self._engine.warn(request.urn, f"{error}: its last known state is kept, drift is not seen")
            return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))
        written = to_wire(found)
        properties = dict(request.inputs)
        properties |= {key: sent(written[key]) for key in Observed.FOUND if key in written}
        properties |= {key: request.properties[key] for key in Observed.KEPT if key in request.properties}
        return api.ReadResponse(request.resource_id, properties, dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        state = from_wire(Observed, received(request.properties))
        session = self._session(state)
        own = [name for name in state.units if f"{UNIT_FOLDER}{name}" in state.files]
        script = delete_script(
            files=[path for path, file in state.files.items() if not file.block],
            shared_files=[path for path, file in state.files.items() if file.block],
            directories=list(state.directories),
            retired=own,
            component=_component(request.urn),
        )
        writes = len(state.files) + len(own)
        try:
            await react.pre_delete(session, state)
            done = await session.run("delete", script, hiding=[state], writes=writes, paths=tuple(state.files))
        except HostKeyMismatch as error:
            # The machine that this state was on is gone, and the one that answers is not ours.
            await self._engine.warn(request.urn, f"{error}. Nothing was removed from the former machine")
            return
        except Unreachable as error:
            raise NodeError(
                f"{error}: its files and units cannot be removed. If the machine is gone for good, "
                f"`pulumi state delete '{request.urn}'`, then run pulumi again"
            ) from None
        if done.status != 0:
            raise NodeError(f"{state.node}: removing its files failed: {done.failure}")

    async def _preview_check(self, urn: str, inputs: Mapping[str, Any], old: Observed, wanted: NodeStateInputs) -> None:
        """Fails the preview if the rollout group's checks would block this update or this removal."""
        if partly_unknown(inputs.get("connection")):
            return
        try:
            plan = make_plan(old, wanted)
            await rollout.preview_check(self._session(wanted, old), old, wanted, plan, self._log(urn))
        except Unreachable as error:
            # A preview may run where no node can be reached; `up` checks again and refuses then.
            await self._engine.warn(urn, f"{error}: the health of its rollout group is not known")

    def _session(self, inputs: NodeStateInputs, former: NodeStateInputs | None = None) -> SshSession:
        """The session of a node, which hides the secrets of the inputs, and the former ones, in all that it prints."""
        session = self._pool.session(inputs.node, inputs.connection)
        session.hide([inputs, former or inputs])
        return session

    def _log(self, urn: str) -> Log:
        async def log(line: str, ephemeral: bool = False) -> None:
            await self._engine.log(urn, line, ephemeral)

        return log


def _outputs(
    inputs: Properties, wanted: NodeStateInputs, installed: Mapping[str, Installed]
) -> dict[str, PropertyValue]:
    return {
        **inputs,
        "revision": sent(revision(wanted) or UNKNOWN),
        "installed": sent({path: to_wire(one) for path, one in installed.items()}),
    }


def _component(urn: str) -> str:
    """The resource's own name: unique in a stack, and safe as a file name."""
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in urn.rpartition("::")[2])
