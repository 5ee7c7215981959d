"""Any control-plane node will do: requests go to the first one that answers, and to another one once it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nodestate import Secret
from provider.engine import Engine
from provider.errors import NodeError
from provider.objects.connection import Api, ApiRefused, ApiSilent, Identity, Server, connect
from provider.scrub import Scrubber
from provider.ssh import ANSWER_SECONDS, SshPool

PAUSE_SECONDS = 1.0

UPDATE_SECONDS = 120.0
"""How long an update waits for the API: in the first one its servers have just started."""

DELETE_SECONDS = 20.0


@dataclass(frozen=True)
class Access:
    """How the API of a cluster is reached: its control-plane nodes, and a kubeconfig with the certificate."""

    servers: tuple[Server, ...]
    kubeconfig: Secret


class ApiServers:
    """The connections of one run of the engine. A node that is passed over is named once."""

    def __init__(self, engine: Engine, pool: SshPool) -> None:
        self._engine = engine
        self._pool = pool
        self._open: dict[Access, Api] = {}
        self._failed: dict[Access, ApiSilent] = {}
        self._named: set[str] = set()
        self._lock = asyncio.Lock()

    def use(self, access: Access, urn: str, seconds: float) -> Requests:
        """Requests to the API for the resource `urn`: each is repeated for up to `seconds` while there is no answer."""
        return Requests(self, access, urn, seconds)

    async def api(self, access: Access, urn: str, *, again: bool) -> Api:
        """An open connection. Raises ApiSilent, at once if no node answered before in this run, unless it is to try `again`."""
        async with self._lock:
            if (known := self._open.get(access)) is not None:
                return known
            if not again and (failed := self._failed.get(access)) is not None:
                raise failed
            try:
                api = self._open[access] = await self._connect(access, urn)
            except ApiSilent as error:
                self._failed[access] = error
                raise
            return api

    async def forget(self, access: Access, api: Api) -> None:
        """A connection that broke."""
        if self._open.get(access) is api:
            del self._open[access]
            await api.close()

    async def _connect(self, access: Access, urn: str) -> Api:
        identity = Identity.of(access.kubeconfig)
        sessions = [self._pool.session(one.node, one.connection) for one in access.servers]
        answering = await asyncio.gather(*[one.answers(ANSWER_SECONDS) for one in sessions])
        reasons: dict[str, str] = {}
        for server, session, answers in zip(access.servers, sessions, answering, strict=True):
            try:
                if not answers:
                    raise ApiSilent(f"{server.node}: it does not accept a connection within {ANSWER_SECONDS:.0f} s")
                api = await connect(session, server, identity)
            except (ApiSilent, ApiRefused) as error:
                reasons[server.node] = str(error).removeprefix(f"{server.node}: ")
                continue
            await self._name(urn, reasons, server.node)
            return api
        said = "; ".join(f"{node}: {reason}" for node, reason in reasons.items())
        raise ApiSilent(f"no API server answers: {said}")

    async def _name(self, urn: str, reasons: dict[str, str], used: str) -> None:
        for node, reason in reasons.items():
            if node not in self._named:
                self._named.add(node)
                await self._engine.warn(urn, f"{node}: passed over, the API is asked through {used}: {reason}")


class Requests:
    """Requests of one resource, over whichever connection works."""

    def __init__(self, servers: ApiServers, access: Access, urn: str, seconds: float) -> None:
        self._servers, self._access, self._urn, self._seconds = servers, access, urn, seconds
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}
        self._scrubber = Scrubber()

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Hides these secrets in all errors from now on: an API server repeats values that it refuses."""
        self._scrubber.add_secrets(secrets)

    async def send(self, method: str, path: str, body: Any = None, **more: str) -> dict[str, Any]:
        """One request. Raises ApiRefused; ApiSilent if there is no answer within the time.

        A connection that breaks is made again once even without time: another node may answer.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._seconds
        broken = 0
        while True:
            api = None
            try:
                api = await self._servers.api(self._access, self._urn, again=self._seconds > 0)
                return await api.request(method, path, body, **more)
            except ApiRefused as error:
                raise ApiRefused(error.code, error.status, str(self._scrubber.scrub(str(error)))) from None
            except ApiSilent as error:
                if api is not None:
                    broken += 1
                    await self._servers.forget(self._access, api)
                if clock() > deadline and (api is None or broken > 1):
                    raise ApiSilent(str(self._scrubber.scrub(str(error)))) from None
            await asyncio.sleep(PAUSE_SECONDS)

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        """One request that is not repeated. Raises ApiRefused, ApiSilent."""
        api = await self._servers.api(self._access, self._urn, again=True)
        return await api.request("POST", path, body)

    async def get(self, path: str) -> dict[str, Any] | None:
        """An object, None if there is none. Raises ApiRefused, ApiSilent."""
        try:
            return await self.send("GET", path)
        except ApiRefused as error:
            if error.code == 404:
                return None
            raise

    async def place(self, manifest: dict[str, Any]) -> str | None:
        """The path of a manifest's object, None if the API does not have its kind. Raises NodeError for a namespace that is
        missing or too much."""
        version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if kind not in self._kinds.get(version, {}):
            found = await self.get(root) or {}
            self._kinds[version] = {
                one["kind"]: (one["name"], one["namespaced"])
                for one in found.get("resources", [])
                if "/" not in one["name"]
            }
        if kind not in self._kinds[version]:
            return None
        plural, namespaced = self._kinds[version][kind]
        namespace = metadata.get("namespace")
        if namespaced != bool(namespace):
            wrong = (
                "needs metadata.namespace"
                if namespaced
                else f"is in no namespace, and has metadata.namespace {namespace}"
            )
            raise NodeError(f"{kind} {metadata['name']} {wrong}")
        return (
            f"{root}/namespaces/{namespace}/{plural}/{metadata['name']}"
            if namespace
            else f"{root}/{plural}/{metadata['name']}"
        )
