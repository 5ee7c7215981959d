"""plumbline:index:Command: a script that runs on a node once, and again if its text or a trigger changes.

Its inputs are named as those of command:remote:Command, whose state it takes over. How the node is reached is no reason to
run a script again. Nothing is read back: what must stay in sync is a NodeState.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue

from nodestate import UNKNOWN, Connection, File, NodeStateInputs, Secret, from_wire
from nodestate.secret import known_text
from nodestate.wire import partly_unknown
from provider.engine import Engine
from provider.errors import HostKeyMismatch, NodeError, Refused, Unreachable
from provider.remote.shell import whole_with_input
from provider.scrub import ending
from provider.ssh import ANSWER_SECONDS, SshPool, SshSession
from provider.values import received, sent

RERUN = ("create", "triggers", "node")
"""The inputs whose change runs `create` again."""

INPUTS = (*RERUN, "delete", "stdin", "connection", "elsewhere")
"""Those whose change is stored. A former state has others, too."""

WAIT_SECONDS = 60
"""How long a node may be silent: it may have been restarted."""

RUN_SECONDS = 3600


class Commands:
    """The resource's operations. One instance serves one run of the engine."""

    def __init__(self, engine: Engine, pool: SshPool) -> None:
        self._engine = engine
        self._pool = pool

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        return api.CheckResponse(request.new_inputs, [])

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        old, new = received(request.old_state), received(request.new_inputs)
        # A former state names the node by its address only.
        differ = [key for key in INPUTS if _differs(old, new, key) and not (key == "node" and key not in old)]
        if _same_connection(old, new):
            differ = [key for key in differ if key != "connection"]
        detail = {key: api.PropertyDiff(api.PropertyDiffKind.UPDATE, False) for key in differ}
        return api.DiffResponse(changes=bool(detail), replaces=[], delete_before_replace=False, detailed_diff=detail)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        if request.preview:
            return api.CreateResponse("", {**request.properties, "stdout": sent(UNKNOWN)})
        printed = await self._run(request.urn, received(request.properties), "create")
        return api.CreateResponse(_name(request.urn), {**request.properties, "stdout": sent(printed)})

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        old, new = received(request.olds), received(request.news)
        printed: PropertyValue | None = request.olds.get("stdout")
        if any(_differs(old, new, key) for key in RERUN if key != "node" or key in old):
            printed = sent(UNKNOWN) if request.preview else sent(await self._run(request.urn, new, "create"))
        return api.UpdateResponse({**request.news, **({"stdout": printed} if printed is not None else {})})

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        if (state := received(request.properties)).get("delete") is not None:
            await self._run(request.urn, state, "delete")

    async def _run(self, urn: str, inputs: Mapping[str, Any], key: str) -> str:
        """The output of the script, without its last newline. Raises NodeError if it fails."""
        name, stdin = _name(urn), known_text(inputs.get("stdin"))
        session, connection = await self._session(urn, inputs)
        hidden = NodeStateInputs(node=session.name, connection=connection, files=_secret_input(inputs.get("stdin")))
        session.show(str(known_text(inputs[key])))
        script = whole_with_input(str(known_text(inputs[key])), stdin, f"input-{secrets.token_hex(8)}")
        await self._reach(session, urn, int(inputs.get("waitSeconds") or 0))
        done = await session.run(f"{key} {name}", script, hiding=[hidden], seconds=RUN_SECONDS)
        if done.status != 0:
            said = ending(done.stderr) or ending(done.stdout) or f"it ended with status {done.status}"
            raise NodeError(f"{session.name}: {name}: {said.removeprefix(f'{session.name}: ')}")
        return done.stdout.removesuffix("\n")

    async def _session(self, urn: str, inputs: Mapping[str, Any]) -> tuple[SshSession, Connection]:
        """The first node that answers; the node that the inputs name if none does. Those passed over are named."""
        ways = [(str(inputs.get("node") or ""), from_wire(Connection, inputs["connection"]))]
        ways += [(str(one["node"]), from_wire(Connection, one["connection"])) for one in inputs.get("elsewhere") or ()]
        sessions = [self._pool.session(node or connection.host, connection) for node, connection in ways]
        if len(ways) == 1:
            return sessions[0], ways[0][1]
        answering = await asyncio.gather(*[session.answers(ANSWER_SECONDS) for session in sessions])
        used = answering.index(True) if any(answering) else 0
        for passed in sessions[:used]:
            said = f"passed over, {_name(urn)} runs on {sessions[used].name}: it does not accept a connection"
            await self._engine.warn(urn, f"{passed.name}: {said} within {ANSWER_SECONDS:.0f} s")
        return sessions[used], ways[used][1]

    async def _reach(self, session: SshSession, urn: str, first_contact: int) -> None:
        """Connects; a node that does not answer is waited for. A machine that boots for the first time, for which there are
        `first_contact` seconds, may refuse logins at first. Raises Unreachable."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + (first_contact or WAIT_SECONDS)
        while True:
            try:
                return await session.reach()
            except Unreachable as error:
                final = HostKeyMismatch if first_contact else Refused
                if isinstance(error, final) or clock() > deadline:
                    raise
                await self._engine.log(urn, f"waiting: {error}", ephemeral=True)
            await asyncio.sleep(5)


def _secret_input(stdin: Any) -> Mapping[str, Any]:
    return {"stdin": File(content=stdin)} if isinstance(stdin, Secret) else {}


def _differs(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> bool:
    if partly_unknown(new.get(key)):
        return True
    return (old.get(key) or None) != (new.get(key) or None)


def _same_connection(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether both lead to the node by the same way: a former state has defaults spelt out, and other keys."""
    if any(not isinstance(one.get("connection"), Mapping) or partly_unknown(one["connection"]) for one in (old, new)):
        return False
    before, after = (from_wire(Connection, one["connection"]) for one in (old, new))
    return before == after


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
