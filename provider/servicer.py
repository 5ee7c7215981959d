"""The provider itself: check, diff, create, read, update and delete of plumbline:index:NodeState."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from provider import apply as applying
from provider import check, plan, react, rollout, script, wire
from provider.engine import Engine
from provider.model import Installed, NodeError, State
from provider.observe import Reader, Request
from provider.plan import UNIT_FOLDER, FileChange, Plan
from provider.transport import Pool, Stranger, Unreachable
from provider.unseen import unseen

NODE_STATE = "plumbline:index:NodeState"
REPLACING = ("node", "machineId")
POLICY = ("reactions", "readiness", "rollout", "prepare", "leave")
"""Inputs that say how to react: a change of them is recorded and touches nothing on the node."""

CONTENTS = ("files", "directories", "units")


class NodeStateProvider(api.Provider):
    """One instance serves one run of the engine: it pools a connection to each node."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._pool = Pool()
        self._reader = Reader()
        self._rollouts = rollout.Rollouts()

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True, accept_resources=True)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        if request.type.rpartition("$")[2] != NODE_STATE:
            return api.CheckResponse(request.new_inputs, [api.CheckFailure("", f"{request.type} is not {NODE_STATE}")])
        inputs = wire.received(request.new_inputs)
        named = wire.plain(inputs.get("node"))
        node = f"{named}: " if isinstance(named, str) and named else ""
        found = [api.CheckFailure(key, f"{node}{key} {reason}") for key, reason in check.failures(inputs)]
        return api.CheckResponse(request.new_inputs, found)

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        request.new_inputs = wire.received(request.new_inputs)
        old, new = wire.state(request.old_state), wire.state(request.new_inputs)
        # Of a whole section that is not known yet, nothing is known to change but that it may.
        hidden = [key for key in CONTENTS if wire.unknown(request.new_inputs.get(key))]
        new = replace(new, **{key: getattr(old, key) for key in hidden})
        forecast = plan.make(old, new)
        differing = [*hidden, *(key for key in ("connection", *POLICY, *REPLACING) if _differs(request, key))]
        replacing = [key for key in REPLACING if key in differing]
        detailed = _detailed(old, new, forecast)
        for key in differing:
            kind = api.PropertyDiffKind.UPDATE_REPLACE if key in replacing else api.PropertyDiffKind.UPDATE
            detailed[key] = api.PropertyDiff(kind, False)
        if not replacing:
            for step in forecast.steps:
                await self._engine.announce(request.urn, step.forecast(new.node))
            if (turn := rollout.forecast(new, forecast)) is not None:
                await self._engine.announce(request.urn, turn)
            for line in unseen(old, new, forecast.files):
                await self._engine.announce(request.urn, line)
        return api.DiffResponse(
            changes=not forecast.empty or bool(differing),
            replaces=replacing,
            # The old machine is gone or about to go: what was on it is undone first.
            delete_before_replace=bool(replacing),
            detailed_diff=detailed,
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        wanted = wire.state(wire.received(request.properties))
        concern = _concern(request.urn)
        if request.preview:
            return api.CreateResponse("", self._outputs(request.properties, wanted, {}))
        nothing = State(wanted.node, wanted.machine_id, {}, {}, {}, (), ())
        applied = await self._apply(request.urn, request.properties, plan.make(nothing, wanted), wanted, {})
        return api.CreateResponse(f"{wanted.node}/{concern}", self._outputs(request.properties, wanted, applied))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        news = wire.received(request.news)
        wanted = wire.state(news)
        installed = wire.installed(request.olds)
        old = wire.state(request.olds)
        forecast = plan.make(old, wanted)
        if request.preview:
            await self._foresee(request.urn, news, forecast, old, wanted)
        elif not forecast.empty:
            installed = await self._apply(request.urn, request.news, forecast, wanted, installed, turning_from=old)
        return api.UpdateResponse(self._outputs(request.news, wanted, installed))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        if not request.inputs:
            raise NodeError("a NodeState cannot be imported: declare it, and `pulumi up` adopts what is there already")
        wanted = wire.state(request.inputs)
        installed = wire.installed(request.properties)
        node = self._pool.node(wanted.node, wire.connection(request.inputs))
        try:
            found = await self._reader.observe(node, Request(wanted, _concern(request.urn), installed))
        except Unreachable as error:
            # What cannot be seen is not gone: the state stays as it was.
            await self._engine.warn(request.urn, f"{error}: its last known state is kept, drift is not seen")
            return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))
        properties = wire.observed(request.inputs, found)
        for key in ("revision", "installed"):
            if key in request.properties:
                properties[key] = request.properties[key]
        return api.ReadResponse(request.resource_id, properties, dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        state = wire.state(request.properties)
        node = self._pool.node(state.node, wire.connection(request.properties))
        own = [name for name in state.units if f"{UNIT_FOLDER}{name}" in state.files]
        blocks = [path for path, file in state.files.items() if file.block]
        files = [path for path in state.files if path not in blocks]
        remove = script.delete_script(files, blocks, list(state.directories), own, _concern(request.urn))
        try:
            await react.leave(node, state)
            done = await node.run("delete", remove, writes=len(state.files) + len(own), paths=tuple(state.files))
        except Stranger as error:
            # The machine that this state was on is not there any more, and the other one is none of ours.
            await self._engine.warn(request.urn, f"{error}. What was on the former one is left as it is")
            return
        except Unreachable as error:
            raise NodeError(
                f"{error}: what is on it cannot be removed. If the machine is gone for good, "
                f"`pulumi state delete '{request.urn}'`, then run pulumi again"
            ) from None
        if done.status != 0:
            raise NodeError(f"{state.node}: removing its files failed: {done.stderr.strip()[-500:]}")

    async def _foresee(self, urn: str, news: wire.Properties, forecast: Plan, old: State, wanted: State) -> None:
        """Fails a preview of what the node's rollout group would not let in now, or whom it would not let go."""
        if wire.partly_unknown(news.get("connection")):
            return
        node = self._pool.node(wanted.node, wire.connection(news))
        try:
            await rollout.foresee(node, old, wanted, forecast, self._sayer(urn))
        except Unreachable as error:
            # A preview may stand where no node is reached from; `up` asks again, and is refused then.
            await self._engine.warn(urn, f"{error}: whether its rollout group is whole is not known")

    def _sayer(self, urn: str) -> react.Say:
        async def say(line: str, passing: bool = False) -> None:
            await self._engine.progress(urn, line, passing)

        return say

    async def _apply(
        self,
        urn: str,
        properties: Mapping[str, PropertyValue],
        forecast: Plan,
        wanted: State,
        installed: Mapping[str, Installed],
        turning_from: State | None = None,
    ) -> dict[str, Installed]:
        node = self._pool.node(wanted.node, wire.connection(properties))
        say = self._sayer(urn)
        turn = self._rollouts.turn(node, turning_from, wanted, forecast, say) if turning_from else nullcontext()
        async with turn:
            return await applying.apply(node, forecast, wanted, _concern(urn), installed, say)

    @staticmethod
    def _outputs(
        inputs: Mapping[str, PropertyValue], wanted: State, installed: Mapping[str, Installed]
    ) -> dict[str, PropertyValue]:
        revision = wanted.revision
        outputs = dict(inputs)
        outputs["revision"] = PropertyValue(wire.STAND_IN if revision is None else revision)
        outputs["installed"] = wire.installed_value(installed)
        return outputs


def _differs(request: api.DiffRequest, key: str) -> bool:
    old, new = wire.plain(request.old_state.get(key)), wire.plain(request.new_inputs.get(key))
    return bool(old != new)


def _concern(urn: str) -> str:
    """The resource's own name: unique in a stack, and safe as a file's name."""
    return "".join(one if one.isalnum() or one in "-_." else "_" for one in urn.rpartition("::")[2])


def _detailed(old: State, new: State, forecast: Plan) -> dict[str, api.PropertyDiff]:
    found: dict[str, api.PropertyDiff] = {}

    def add(key: str, kind: api.PropertyDiffKind) -> None:
        found[key] = api.PropertyDiff(kind, False)

    def changed(section: str, change: FileChange) -> None:
        at = f'{section}["{change.path}"]'
        if change.attributes == ("added",):
            add(at, api.PropertyDiffKind.ADD)
        elif change.attributes == ("removed",):
            add(at, api.PropertyDiffKind.DELETE)
        else:
            for attribute in change.attributes:
                add(f"{at}.{attribute}", api.PropertyDiffKind.UPDATE)

    for change in forecast.files:
        changed("files", change)
    for change in forecast.directories:
        changed("directories", change)
    for name in sorted(old.units.keys() | new.units.keys()):
        at = f'units["{name}"]'
        before, after = old.units.get(name), new.units.get(name)
        if before is None:
            add(at, api.PropertyDiffKind.ADD)
        elif after is None:
            add(at, api.PropertyDiffKind.DELETE)
        else:
            for key in ("enabled", "active"):
                if getattr(before, key) != getattr(after, key):
                    add(f"{at}.{key}", api.PropertyDiffKind.UPDATE)
            if before.masked:
                add(f"{at}.masked", api.PropertyDiffKind.DELETE)
    if old.pending:
        add("pending", api.PropertyDiffKind.DELETE)
    return found
