"""Requests to the API over connections that break."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from nodestate import Secret
from provider.objects.connection import Api, ApiSilent
from provider.objects.servers import Access, ApiServers, Requests

BROKEN = "m1: no answer from its API server (WriteError)"


class Connection:
    """A connection that answers, or is broken."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers

    async def request(self, method: str, path: str, body: Any = None, **more: str) -> dict[str, Any]:
        if not self.answers:
            raise ApiSilent(BROKEN)
        return {"path": path}


class Servers:
    """Opens these connections one after another."""

    def __init__(self, *connections: Connection) -> None:
        self.connections = list(connections)

    async def api(self, access: Access, urn: str, *, again: bool) -> Api:
        return cast(Api, self.connections[0])

    async def forget(self, access: Access, api: Api) -> None:
        assert cast(object, api) is self.connections.pop(0)


def send(servers: Servers) -> dict[str, Any]:
    """A request of a preview, which does not wait for an API."""
    requests = Requests(cast(ApiServers, servers), Access((), Secret("kubeconfig")), "urn", 0.0)
    return asyncio.run(requests.send("GET", "/version"))


def test_broken_connection_is_made_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provider.objects.servers.PAUSE_SECONDS", 0)
    assert send(Servers(Connection(answers=False), Connection(answers=True))) == {"path": "/version"}
    servers = Servers(*(Connection(answers=False) for _ in range(3)))
    with pytest.raises(ApiSilent, match="WriteError"):
        send(servers)
    assert len(servers.connections) == 1
