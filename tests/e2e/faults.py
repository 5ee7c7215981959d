"""A control-plane node that goes: what the others, the operator and the pods notice of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cluster.node import etcd
from cluster.node.binaries import Binaries
from lab.context import Lab
from tests.e2e import api
from tests.e2e.api import ECHO, Kubectl
from tests.e2e.harness import Project, wait_for
from tests.e2e.scenarios import a_second_up_writes_nothing

AWAY_SECONDS = 75
"""Longer than the 50 s after which the controller manager calls a silent node lost."""

STILL_SECONDS = 20
"""How long a lease of a node that is well may stand still."""

WRITE_TRIES = 3
CLIENT = "client"
Fault = Callable[[Project, str], Callable[[], object]]


@dataclass
class Watch:
    """What was seen through the API while a node was away."""

    worst: dict[str, float] = field(default_factory=dict)
    unready: set[str] = field(default_factory=set)
    writes: int = 0
    retried: list[str] = field(default_factory=list)
    failed_writes: list[str] = field(default_factory=list)

    def look(self, kubectl: Kubectl, others: Sequence[str]) -> None:
        """Reads leases and nodes once, and writes once."""
        self.writes += 1
        name, said = f"watch-{time.time_ns()}", ""
        # What a store without a leader refuses for a moment, or may have done all the same, is tried again.
        for _ in range(WRITE_TRIES):
            said = kubectl("create", "configmap", name, "--from-literal=a=b", check=False)
            if "created" in said or "already exists" in said:
                break
            self.retried.append(said.strip()[-120:])
        else:
            self.failed_writes.append(said.strip()[-300:])
        leases = kubectl.get("leases", "--namespace", "kube-node-lease")["items"]
        now = datetime.now(UTC)
        for one in leases:
            name = one["metadata"]["name"]
            age = (now - datetime.fromisoformat(one["spec"]["renewTime"])).total_seconds()
            if name in others:
                self.worst[name] = max(age, self.worst.get(name, 0.0))
        for node in kubectl.get("nodes")["items"]:
            if node["metadata"]["name"] in others and not api.ready(node):
                self.unready.add(node["metadata"]["name"])


def black_hole(project: Project, host: str) -> Callable[[], object]:
    """Cuts a container host's link: what is sent to it is neither taken nor refused. Returns what mends it."""
    link = ["exec", "--", "ip", "link", "set", _link(project, host)]
    project.lab(*link, "down")
    return lambda: project.lab(*link, "up")


def stop(project: Project, host: str) -> Callable[[], object]:
    """Shuts a container host down. Returns what boots it."""
    project.ssh(host, "systemctl --no-block poweroff", check=False)
    wait_for(f"{host} to be off", lambda: _off(project, host), 180)
    return lambda: project.lab("up", project.stack)


def _off(project: Project, host: str) -> bool:
    return "does not exist" in project.lab("exec", "--", "ip", "link", "show", _link(project, host), check=False)


def _link(project: Project, host: str) -> str:
    """The lab's end of a container host's link, by systemd-nspawn's name for it."""
    return f"vb-{Lab.of(project.path).name}.{host}"


def one_master_away(project: Project, kubectl: Kubectl, master: str, others: Sequence[str], fault: Fault) -> Watch:
    """While one is away the others stay Ready and take writes, services are served; when it is back nothing is to do."""
    watch = Watch()
    start_client(kubectl, others[-1])
    kubectl("wait", "--for=condition=Ready", f"pod/{CLIENT}", "--timeout", "60s", "--request-timeout", "70s")
    mend = fault(project, master)
    try:
        end = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < end:
            watch.look(kubectl, others)
        wait_for("the lost node to be called so", lambda: not _ready(kubectl, master), 120)
        wait_for("requests to the service to be served by the others", lambda: _served(kubectl), 120)
    finally:
        mend()
    # While an API server starts it refuses what it has not read the rights for yet; the operator may have dialled it.
    wait_for(f"the API server of {master} to be ready", lambda: _serves(project, master), 240)
    wait_for(f"{master} to be Ready again", lambda: _ready(kubectl, master), 240)
    kubectl("delete", "pod", CLIENT, "--wait=false")
    wait_for("all of etcd", lambda: _whole(project, others[0]), 120)
    assert not watch.unready, watch
    assert not watch.failed_writes, watch
    assert max(watch.worst.values()) <= STILL_SECONDS, watch
    a_second_up_writes_nothing(project)
    return watch


def start_client(kubectl: Kubectl, node: str) -> None:
    """A pod that asks the service again and again, and says of each request whether it was answered."""
    script = (
        f"while :; do if curl -s -m 2 http://{ECHO}/hostname >/dev/null; then echo served; else echo failed; fi; "
        "sleep 0.3; done"
    )
    kubectl("delete", "pod", CLIENT, "--ignore-not-found", "--wait")
    kubectl("create", "--filename", "-", stdin=json.dumps(api.pod(CLIENT, node, "sh", "-c", script)))


def _served(kubectl: Kubectl) -> bool:
    """The last twenty requests were all answered."""
    said = kubectl("logs", CLIENT, "--tail", "20", check=False).split()
    return said == ["served"] * 20


def _ready(kubectl: Kubectl, node: str) -> bool:
    return api.ready(kubectl.get("node", node))


def _serves(project: Project, master: str) -> bool:
    return project.ssh(master, "curl -sk -m 10 https://127.0.0.1:6443/readyz", check=False).endswith("ok")


def _whole(project: Project, asked: str) -> bool:
    """Every member of etcd answers, as one of them finds."""
    said = project.ssh(asked, f"{etcd.etcdctl(Binaries(), api.ETCD)} endpoint health --cluster 2>&1 || true")
    return said.count("is healthy") == len(project.output("etcd")) and "unhealthy" not in said
