"""The way to the API: an SSH tunnel to a control-plane node that answers, with the plan's own certificate.

No Kubernetes client library: of what they offer, four requests on plain JSON are needed, and those that work on objects of
any kind take longer to load than a whole preview.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncssh
import httpx2
import yaml

from nodestate import Connection, Secret
from provider.errors import NodeError, Unreachable
from provider.ssh import SshSession

PORT = 6443
WRONG_FIELD = "failed to create typed patch object"
TIMEOUT = httpx2.Timeout(30, connect=10)
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"


class ApiSilent(NodeError):
    """The API gives no answer now: no connection, or an error of the server itself. To ask again may help."""


class ApiRefused(NodeError):
    """The API refuses a request. `status` is its Status object."""

    def __init__(self, code: int, status: Mapping[str, Any], text: str = "") -> None:
        super().__init__(text or _message(code, status))
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Server:
    """A control-plane node. Its API server's certificate has `address`."""

    node: str
    address: str
    connection: Connection
    port: int = PORT


@dataclass(frozen=True)
class Identity:
    """A client certificate, and the CA of the API servers, in PEM."""

    ca: str
    certificate: str
    key: Secret

    @classmethod
    def of(cls, kubeconfig: Secret) -> Identity:
        """The identity in a kubeconfig whose certificates are embedded."""
        data = yaml.safe_load(kubeconfig.reveal())
        cluster, user = data["clusters"][0]["cluster"], data["users"][0]["user"]
        pems = (cluster["certificate-authority-data"], user["client-certificate-data"], user["client-key-data"])
        ca, certificate, key = (base64.b64decode(pem).decode() for pem in pems)
        return cls(ca, certificate, Secret(key))


class Api:
    """A connection to one API server, kept open."""

    def __init__(self, server: Server, client: httpx2.AsyncClient, listener: asyncssh.SSHListener | None) -> None:
        self.server = server
        self._client = client
        self._listener = listener

    async def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **parameters: str
    ) -> dict[str, Any]:
        """Sends one request; the answer as plain data. Raises ApiRefused, ApiSilent."""
        headers = {"Accept": "application/json", **({"Content-Type": content_type} if body is not None else {})}
        try:
            answer = await self._client.request(method, path, json=body, params=parameters, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            raise ApiSilent(f"{self.server.node}: no answer from its API server ({_reason(error)})") from None
        try:
            data = answer.json()
        except ValueError:
            data = {}
        if answer.is_success:
            return data if isinstance(data, dict) else {}
        status = data if isinstance(data, dict) and data.get("kind") == "Status" else {}
        busy = answer.status_code == 429 and method != "POST"  # else a PodDisruptionBudget refuses an eviction
        # A field that the object's kind does not have is answered with 500, too.
        wrong = WRONG_FIELD in str(status.get("message", ""))
        if (answer.status_code >= 500 and not wrong) or busy:
            said = _message(answer.status_code, status)
            raise ApiSilent(f"{self.server.node}: its API server answers with an error: {said}")
        raise ApiRefused(answer.status_code, status)

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.aclose()
        if self._listener is not None:
            self._listener.close()


async def connect(session: SshSession, server: Server, identity: Identity) -> Api:
    """A connection to an API server that is ready. Raises ApiSilent, or ApiRefused if it knows the certificate no more."""
    try:
        listener: asyncssh.SSHListener | None = await session.tunnel("127.0.0.1", server.port)
    except (Unreachable, asyncssh.Error, OSError) as error:
        raise ApiSilent(str(error) if isinstance(error, NodeError) else f"{server.node}: {_reason(error)}") from None
    api = _opened(server, identity, listener)
    try:
        await api.request("GET", "/readyz")
    except ApiSilent:
        await api.close()
    except ApiRefused:
        await api.close()
        raise
    else:
        return api
    # sshd may forbid tunnels: the API server's port is open to the other nodes, and perhaps from here.
    api = _opened(server, identity, None)
    try:
        await api.request("GET", "/readyz")
    except NodeError:
        await api.close()
        raise
    return api


def _opened(server: Server, identity: Identity, listener: asyncssh.SSHListener | None) -> Api:
    at = f"127.0.0.1:{listener.get_port()}" if listener is not None else f"{server.address}:{server.port}"
    context = _context(identity, server.address)
    client = httpx2.AsyncClient(base_url=f"https://{at}", verify=context, http2=True, timeout=TIMEOUT, trust_env=False)
    return Api(server, client, listener)


class _NamedContext(ssl.SSLContext):
    """Checks that the certificate has this name, whatever address is dialled: a tunnel begins on this machine."""

    expected = ""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.expected or server_hostname, session)


def _context(identity: Identity, name: str) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.expected = name
    context.load_verify_locations(cadata=identity.ca)
    with _piped(identity.certificate) as certificate, _piped(identity.key.reveal()) as key:
        context.load_cert_chain(certificate, key)
    return context


@contextmanager
def _piped(text: str) -> Iterator[str]:
    """A path from which the text can be read once: OpenSSL takes files only, and a key is never written to a disk."""
    reader, writer = os.pipe()
    try:
        os.write(writer, text.encode())  # a PEM is smaller than a pipe's buffer
        os.close(writer)
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


def _message(code: int, status: Mapping[str, Any]) -> str:
    return str(status.get("message") or f"HTTP status {code}")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
