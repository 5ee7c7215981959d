"""A stand-in for the API behind the simulated hosts: it keeps objects, and nobody acts on them.

A node is registered and Ready as long as its kubelet runs; a workload has rolled out once it is applied. There is no admission, no
validation, and no field manager: an object is as it was applied last. All control-plane nodes have the one server on their
loopback address, with the first node's certificate, once that node's API server runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h2.config
import h2.connection
import h2.events

from bench.hosts.host import Hosts
from cluster import versions
from cluster.config.api_kinds import builtin

PORT = 6443
POLL_SECONDS = 0.1
PKI = "/etc/kubernetes/kube-apiserver"
Object = dict[str, Any]
Answer = tuple[int, Object]
MISSING: Answer = (404, {"kind": "Status", "code": 404, "message": "not found"})


class Api:
    """The objects, by path, and the nodes, by what runs on the hosts."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._objects: dict[str, Object] = {}
        self._version = 0

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Status and answer of one request."""
        parts = urlsplit(target)
        path, query = parts.path, parse_qs(parts.query)
        if path == "/readyz":
            return 200, {}
        words = path.strip("/").split("/")
        if words[0] == "api" and len(words) == 2:
            return 200, self._resources("")
        if words[0] == "apis" and len(words) == 3:
            return 200, self._resources(words[1])
        if words[:-1] == ["api", "v1", "nodes"]:
            return self._node(method, path, words[-1], body)
        if method == "PATCH":
            return 200, self._apply(path, json.loads(body), keep="dryRun" not in query)
        found = self._objects.get(path)
        return (200, found) if method == "GET" and found is not None else MISSING

    @staticmethod
    def _resources(group: str) -> Object:
        return {
            "resources": [
                {"name": f"{kind.lower()}s", "kind": kind, "namespaced": namespaced}
                for (of, kind), namespaced in builtin().items()
                if of == group
            ]
        }

    def _apply(self, path: str, manifest: Object, *, keep: bool) -> Object:
        replicas = manifest.get("spec", {}).get("replicas", 1)
        status = {"observedGeneration": 1, "updatedReplicas": replicas, "availableReplicas": replicas}
        self._version += 1
        metadata = {**manifest["metadata"], "generation": 1, "resourceVersion": str(self._version)}
        live = {**manifest, "metadata": metadata, "status": status}
        if keep:
            self._objects[path] = live
        return live

    def _node(self, method: str, path: str, name: str, body: bytes) -> Answer:
        host = self._hosts.by_name.get(name)
        if host is None or not host.runs("kubelet"):
            return MISSING
        live = self._objects.setdefault(path, _node(name))
        if method == "PATCH":
            patch = json.loads(body)
            self._version += 1
            labels = {**live["metadata"]["labels"], **patch["metadata"].get("labels", {})}
            live["metadata"]["labels"] = {key: value for key, value in labels.items() if value is not None}
            live["metadata"]["resourceVersion"] = str(self._version)
            live["spec"] |= patch.get("spec", {})
        return 200, live


def _node(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {}, "resourceVersion": "1"},
        "spec": {},
        "status": {
            "nodeInfo": {"kubeletVersion": versions.DEFAULT},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


class _Connection(asyncio.Protocol):
    """One connection in HTTP/2, which the provider's client speaks."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, tuple[str, str, bytearray]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._http.initiate_connection()
        self._send()

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.RequestReceived) and event.stream_id:
                headers: Mapping[str, str] = dict(event.headers or ())  # type: ignore[arg-type]
                self._requests[event.stream_id] = headers[":method"], headers[":path"], bytearray()
            elif isinstance(event, h2.events.DataReceived) and event.stream_id:
                self._requests[event.stream_id][2].extend(event.data or b"")
                self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded) and event.stream_id:
                self._respond(event.stream_id, *self._requests.pop(event.stream_id))
        self._send()

    def _respond(self, stream: int, method: str, target: str, body: bytearray) -> None:
        status, found = self._api.answer(method, target, bytes(body))
        text = json.dumps(found).encode()
        self._http.send_headers(stream, [(":status", str(status)), ("content-type", "application/json")])
        size = self._http.max_outbound_frame_size
        for start in range(0, len(text), size):
            self._http.send_data(stream, text[start : start + size])
        self._http.end_stream(stream)

    def _send(self) -> None:
        self._transport.write(self._http.data_to_send())


@contextlib.contextmanager
def serving(hosts: Hosts) -> Iterator[Api]:
    """The API in a thread of this process: its port is open once the first control-plane node's API server runs."""
    api = Api(hosts)
    ended = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(api, hosts, ended)), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        ended.set()
        thread.join()


async def _serve(api: Api, hosts: Hosts, ended: threading.Event) -> None:
    first = next(iter(hosts.by_name.values()))
    while not first.runs("kube-apiserver"):
        if ended.is_set():
            return
        await asyncio.sleep(POLL_SECONDS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(first.path(f"{PKI}/server.crt"), first.path(f"{PKI}/server.key"))
    context.set_alpn_protocols(["h2"])
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(api), "127.0.0.1", PORT, ssl=context, backlog=256
    )
    async with server:
        while not ended.is_set():
            await asyncio.sleep(POLL_SECONDS)
