"""Two clients of the API while a node is lost: the kubelets' leases, and a kubectl on the worker that writes again and again."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bench.up import files
from bench.up.hosts import Hosts
from lab import netns, parts

PORT = 6443
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
OBJECT = "/api/v1/namespaces/default/configmaps"
CA_DATA = "certificate-authority-data"
POLL_SECONDS = 0.5
ANSWER_SECONDS = 3
REQUEST_SECONDS = 20
"""For one kubectl. Of a name's three addresses it tries each for 10 s: the connection's 30 s are divided, and kubectl's own limit for a
request is not known to what connects, so that with less than 10 s it would never come to the second address."""

PAUSE_SECONDS = 0.25
FOLDER = "/run/bench"
KUBECTL = f"timeout {REQUEST_SECONDS} {FOLDER}/kubectl --kubeconfig {FOLDER}/config"


@dataclass(frozen=True)
class Seen:
    """Times in seconds since 1970: each node's renewals of its lease, and the writes that succeeded."""

    renewals: Mapping[str, Sequence[float]]
    writes: Sequence[float]


def longest_gap(times: Sequence[float], since: float, until: float) -> float:
    """The longest time without an event that ended after `since`. The last one ends at `until`."""
    before = [at for at in times if at <= since]
    points = [max(before, default=since), *sorted(at for at in times if since < at <= until), until]
    return max(later - earlier for earlier, later in itertools.pairwise(points))


class Clients:
    """The two clients. `start` begins both, `seen` waits until their time is over."""

    def __init__(self, hosts: Hosts, kubeconfig: str, survivor: str, seconds: float) -> None:
        self.hosts = hosts
        self.kubeconfig = kubeconfig
        self.survivor = hosts.addresses[survivor]
        self.seconds = seconds
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begins to write and to read, for the given time."""
        self._leases = self._pool.submit(lambda: netns.call(self.hosts.lab, self._poll))
        script = writing(self.kubeconfig, self.seconds)
        self._writes = self._pool.submit(self.hosts.root, self.hosts.workers[0], script, self.seconds + 60)

    def seen(self) -> Seen:
        """Waits for both and returns their times. Raises Failed."""
        try:
            writes = [float(line) for line in self._writes.result().split()]
            return Seen(self._leases.result(), writes)
        finally:
            self.close()

    def close(self) -> None:
        """Ends the reader, and waits for both."""
        self._stop.set()
        self._pool.shutdown(wait=True)

    def _poll(self) -> dict[str, list[float]]:
        """Reads all leases from one API server, again and again."""
        renewals: dict[str, set[float]] = {}
        deadline = time.monotonic() + self.seconds
        connection: http.client.HTTPSConnection | None = None
        context = tls(self.kubeconfig)
        while time.monotonic() < deadline and not self._stop.wait(POLL_SECONDS):
            try:
                connection = connection or http.client.HTTPSConnection(
                    self.survivor, PORT, timeout=ANSWER_SECONDS, context=context
                )
                connection.request("GET", LEASES)
                listed = json.loads(connection.getresponse().read())
            except (OSError, ValueError, http.client.HTTPException):
                connection = None
                continue
            for lease in listed.get("items", ()):
                at = datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp()
                renewals.setdefault(lease["metadata"]["name"], set()).add(at)
        return {name: sorted(times) for name, times in renewals.items()}


def tls(kubeconfig: str) -> ssl.SSLContext:
    """The TLS context of the user and the CA of a kubeconfig."""
    config: dict[str, Any] = yaml.safe_load(kubeconfig)
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    ca = base64.b64decode(cluster[CA_DATA]).decode()
    context = ssl.create_default_context(cadata=ca)
    with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        data = (user["client-certificate-data"], user["client-key-data"])
        pair.write_bytes(b"\n".join(base64.b64decode(one) for one in data))
        context.load_cert_chain(pair)
    return context


def writing(kubeconfig: str, seconds: float) -> str:
    """The script that writes one object for so long, and prints the time of each success."""
    text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bench"},"data":{"at":"%s"}}'
    kubectl = files.Fetched(f"kubernetes/v{parts.KUBERNETES}/kubectl", f"{FOLDER}/kubectl")
    return (
        f"umask 077\n{files.fetching([kubectl])}{files.writing({f'{FOLDER}/config': kubeconfig})}"
        f"printf '{text}' 0 | {KUBECTL} create --raw {OBJECT} -f - >/dev/null 2>&1 || true\n"
        f"end=$(($(date +%s) + {seconds:.0f}))\n"
        'while [ "$(date +%s)" -lt "$end" ]; do\n'
        f"  ! printf '{text}' \"$(date +%s)\" | {KUBECTL} replace --raw {OBJECT}/bench -f - >/dev/null 2>&1 || date +%s.%N\n"
        f"  sleep {PAUSE_SECONDS}\n"
        "done\n"
    )
