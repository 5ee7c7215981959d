"""plumbline:index:Preflight: checks all hosts when the stack is created, and each host that is added later.

Its difference is the set of hosts and how they are reached: another text of the check runs nowhere again. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental import provider as api

from nodestate import Connection, from_wire
from nodestate.wire import partly_unknown
from provider.engine import Engine
from provider.errors import NodeError
from provider.preflight import Result, Target, examine
from provider.ssh import SshPool
from provider.values import received


class Preflights:
    """The resource's operations. One instance serves one run of the engine."""

    def __init__(self, engine: Engine, pool: SshPool) -> None:
        self._engine = engine
        self._pool = pool

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        return api.CheckResponse(request.new_inputs, [])

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        old, new = received(request.old_state), received(request.new_inputs)
        added = _added(old, new)
        # Nothing is known of the hosts while one of them is yet to be replaced.
        gone = _hosts(old).keys() - _hosts(new).keys() if isinstance(new.get("nodes"), Mapping) else {"*"}
        detail = {f"nodes.{name}": api.PropertyDiff(api.PropertyDiffKind.ADD, False) for name in added}
        detail |= {f"nodes.{name}": api.PropertyDiff(api.PropertyDiffKind.DELETE, False) for name in gone}
        return api.DiffResponse(changes=bool(detail), replaces=[], delete_before_replace=False, detailed_diff=detail)

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        inputs = received(request.properties)
        await self._examine(request.urn, inputs, list(_hosts(inputs)), request.preview)
        return api.CreateResponse("" if request.preview else "preflight", dict(request.properties))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        inputs = received(request.news)
        await self._examine(request.urn, inputs, _added(received(request.olds), inputs), request.preview)
        return api.UpdateResponse(dict(request.news))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        return api.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))

    async def delete(self, request: api.DeleteRequest) -> None:
        """Nothing is left of a check."""

    async def _examine(self, urn: str, inputs: Mapping[str, Any], new: list[str], preview: bool) -> None:
        """Checks the new hosts, and the old ones' way to them. Raises NodeError with all that is missing."""
        if not new or any(
            not isinstance(one, Mapping) or partly_unknown(one.get("connection")) for one in inputs["nodes"].values()
        ):
            return  # a machine that is not created yet is checked by `up`
        result = await examine(targets(inputs["nodes"]), str(inputs["script"]), self._pool)
        for name, reason in result.silent.items():
            await self._engine.warn(urn, f"{name}: not checked: {reason}")
        failures = result.failures(new)
        for finding in result.findings:
            if (
                finding.status != "ok"
                and finding not in failures
                and finding.node not in result.silent
                and finding.node in new
            ):
                await self._engine.warn(urn, str(finding))
        if failures:
            raise NodeError(refusal(result, new))


def targets(nodes: Mapping[str, Any]) -> dict[str, Target]:
    """The hosts of the inputs `nodes`."""
    return {
        name: Target(
            from_wire(Connection, one["connection"]),
            str(one["address"]),
            str(one["variables"]),
            tuple(map(int, one["ports"])),
        )
        for name, one in nodes.items()
    }


def refusal(result: Result, of: list[str]) -> str:
    """The error: each failure on its own line."""
    failures = result.failures(of)
    nodes = len({one.node for one in failures})
    lines = "\n".join(f"  {one}" for one in failures)
    return f"{nodes} {'host lacks' if nodes == 1 else 'hosts lack'} what the cluster needs; nothing was written to any host:\n{lines}"


def _hosts(inputs: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The identity of each host: a reinstalled one has another host key, a machine of the program another id."""
    nodes = inputs.get("nodes")
    if not isinstance(nodes, Mapping):
        return {}  # not known yet: a machine will be replaced
    return {
        name: tuple(
            None if partly_unknown(value) else value for value in (one["address"], one.get("machineId"), _key(one))
        )
        for name, one in nodes.items()
        if isinstance(one, Mapping)
    }


def _key(one: Mapping[str, Any]) -> Any:
    return one["connection"].get("hostKey") if isinstance(one["connection"], Mapping) else None


def _added(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before = _hosts(old)
    return [name for name, known in _hosts(new).items() if before.get(name) != known]
