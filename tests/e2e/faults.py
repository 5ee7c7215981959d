"""Loss of a control-plane node, as seen by the other nodes, the operator and the pods."""

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
from tests.e2e.scenarios import second_up_writes_nothing

AWAY_SECONDS = 75
"""Longer than the 50 s after which the controller manager marks a silent node as NotReady."""

LEASE_SECONDS = 20
"""The greatest age of a healthy node's lease."""

WRITE_TRIES = 3
CLIENT = "client"
Fault = Callable[[Project, str], Callable[[], object]]


@dataclass
class Watch:
    """Observations through the API while a node was away."""

    worst: dict[str, float] = field(default_factory=dict)
    unready: set[str] = field(default_factory=set)
    writes: int = 0
    retried: list[str] = field(default_factory=list)
    failed_writes: list[str] = field(default_factory=list)

    def look(self, kubectl: Kubectl, others: Sequence[str]) -> None:
        """Reads leases and nodes once, and writes once."""
        self.writes += 1
        name, printed = f"watch-{time.time_ns()}", ""
        # While etcd has no leader, a write may be refused or may have been done without an answer: it is retried.
        for _ in range(WRITE_TRIES):
            printed = kubectl("create", "configmap", name, "--from-literal=a=b", check=False)
            if "created" in printed or "already exists" in printed:
                break
            self.retried.append(printed.strip()[-120:])
        else:
            self.failed_writes.append(printed.strip()[-300:])
        leases = kubectl.get("leases", "--namespace", "kube-node-lease")["items"]
        now = datetime.now(UTC)
        for lease in leases:
            name = lease["metadata"]["name"]
            age = (now - datetime.fromisoformat(lease["spec"]["renewTime"])).total_seconds()
            if name in others:
                self.worst[name] = max(age, self.worst.get(name, 0.0))
        for node in kubectl.get("nodes")["items"]:
            if node["metadata"]["name"] in others and not api.ready(node):
                self.unready.add(node["metadata"]["name"])


def black_hole(project: Project, host: str) -> Callable[[], object]:
    """Takes a container host's link down: packets to it are lost, not refused. Returns a function that restores the link."""
    link = ["exec", "--", "ip", "link", "set", _link(project, host)]
    project.lab(*link, "down")
    return lambda: project.lab(*link, "up")


def stop(project: Project, host: str) -> Callable[[], object]:
    """Shuts a container host down. Returns a function that boots it."""
    project.ssh(host, "systemctl --no-block poweroff", check=False)
    wait_for(f"{host} is off", lambda: _off(project, host), 180)
    return lambda: project.lab("up", project.stack)


def _off(project: Project, host: str) -> bool:
    return "does not exist" in project.lab("exec", "--", "ip", "link", "show", _link(project, host), check=False)


def _link(project: Project, host: str) -> str:
    """The name that systemd-nspawn gives the lab's end of a container host's link."""
    return f"vb-{Lab.of(project.path).name}.{host}"


def control_plane_node_away(
    project: Project, kubectl: Kubectl, lost: str, others: Sequence[str], fault: Fault
) -> Watch:
    """While one node is away, the others stay Ready, the API accepts writes and Services answer; later `up` changes nothing."""
    watch = Watch()
    start_client(kubectl, others[-1])
    kubectl("wait", "--for=condition=Ready", f"pod/{CLIENT}", "--timeout", "60s", "--request-timeout", "70s")
    restore = fault(project, lost)
    try:
        end = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < end:
            watch.look(kubectl, others)
        wait_for("the API reports the lost node as not Ready", lambda: not _ready(kubectl, lost), 120)
        wait_for("the other nodes serve all requests to the Service", lambda: _served(kubectl), 120)
    finally:
        restore()
    # A starting API server returns 403 until its RBAC caches are filled, and kubectl may have connected to it.
    wait_for(f"the API server of {lost} is ready", lambda: _serves(project, lost), 240)
    wait_for(f"{lost} is Ready again", lambda: _ready(kubectl, lost), 240)
    kubectl("delete", "pod", CLIENT, "--wait=false")
    wait_for("every etcd member is healthy", lambda: _etcd_healthy(project, others[0]), 120)
    assert not watch.unready, watch
    assert not watch.failed_writes, watch
    assert max(watch.worst.values()) <= LEASE_SECONDS, watch
    second_up_writes_nothing(project)
    return watch


def start_client(kubectl: Kubectl, node: str) -> None:
    """Starts a pod that sends requests to the Service continuously and logs for each whether it was answered."""
    script = (
        f"while :; do if curl -s -m 2 http://{ECHO}/hostname >/dev/null; then echo served; else echo failed; fi; "
        "sleep 0.3; done"
    )
    kubectl("delete", "pod", CLIENT, "--ignore-not-found", "--wait")
    kubectl("create", "--filename", "-", stdin=json.dumps(api.pod(CLIENT, node, "sh", "-c", script)))


def _served(kubectl: Kubectl) -> bool:
    """Whether the last twenty requests were all answered."""
    answers = kubectl("logs", CLIENT, "--tail", "20", check=False).split()
    return answers == ["served"] * 20


def _ready(kubectl: Kubectl, node: str) -> bool:
    return api.ready(kubectl.get("node", node))


def _serves(project: Project, node: str) -> bool:
    return project.ssh(node, "curl -sk -m 10 https://127.0.0.1:6443/readyz", check=False).endswith("ok")


def _etcd_healthy(project: Project, node: str) -> bool:
    """Whether every etcd member is healthy, as seen from `node`."""
    printed = project.ssh(node, f"{etcd.etcdctl(Binaries(), api.ETCD)} endpoint health --cluster 2>&1 || true")
    return printed.count("is healthy") == len(project.output("etcd")) and "unhealthy" not in printed
