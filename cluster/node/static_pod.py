"""Static pods: the manifest of one, and the unit by which systemd, and so the plan, names its restarts.

The unit is up once the pod runs with its files as they are now (templates/static-pod.sh).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from cluster.node import paths
from cluster.rendering import render
from nodestate import Action, File, Hook, NodeState, Reaction, Readiness, Unit

FOLDER = "/etc/kubernetes"
ENVIRONMENT = {"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "5", "HTTP2_PING_TIMEOUT_SECONDS": "3"}
"""A dead control-plane node is noticed in seconds, not in TCP's minutes."""


@dataclass(frozen=True)
class Probe:
    """Where a component says that it is alive and ready, on the node itself; asked every `period` seconds."""

    port: int
    live: str = "/livez"
    ready: str = "/readyz"
    scheme: str = "https"
    period: int = 10

    def url(self) -> str:
        """Where readiness is asked for."""
        return f"{self.scheme}://127.0.0.1:{self.port}{self.ready}"


@dataclass(frozen=True)
class StaticPod:
    """One component of one container.

    `files` are what it reads at its start only: it restarts when they change. The container sees the component's own
    folder, and `writes`: folders that it may write to.
    """

    name: str
    description: str
    image: str
    command: Sequence[str]
    probe: Probe
    cpu: str
    files: Sequence[str] = ()
    writes: Sequence[str] = ()
    host_aliases: Sequence[dict[str, Any]] = ()
    labels: dict[str, str] = field(default_factory=dict)
    privileged: bool = False

    @property
    def unit(self) -> str:
        """The systemd unit that stands for it."""
        return f"{self.name}.service"

    @property
    def manifest_path(self) -> str:
        """Where the kubelet finds it."""
        return f"{paths.MANIFESTS}/{self.name}.yaml"


def file(component: str, name: str) -> str:
    """The path of one of a component's files, in the only folder of /etc that its container sees."""
    return f"{FOLDER}/{component}/{name}"


def state(pod: StaticPod, timeout: int) -> NodeState:
    """Manifest and unit of one static pod, with the reactions to its files; ready within `timeout` seconds."""
    unit_path = f"{paths.UNITS}/{pod.unit}"
    unit = render(
        "node/static_pod/static-pod.service.j2",
        _UnitParameters(pod.description, paths.STATIC_POD, pod.name, pod.manifest_path, tuple(pod.files)),
    )
    return NodeState(
        files={
            pod.manifest_path: File(dump(manifest(pod)), mode="0600"),
            unit_path: File(unit),
        },
        units={pod.unit: Unit()},
        reactions=(Reaction(pod.unit, Action.RESTART, (pod.manifest_path, *pod.files)),),
        readiness=(Readiness(pod.unit, http=pod.probe.url(), timeout=timeout),),
        pre_delete=(Hook(pod.unit, f"{paths.STATIC_POD} end {pod.name} {pod.manifest_path}\n"),),
    )


@dataclass(frozen=True)
class _UnitParameters:
    description: str
    script: str
    name: str
    manifest: str
    files: tuple[str, ...]


def manifest(pod: StaticPod) -> dict[str, Any]:
    """The pod as the kubelet reads it."""
    folders = {f"{FOLDER}/{pod.name}": True} | dict.fromkeys(pod.writes, False)
    volumes = [
        {"name": f"folder-{index}", "hostPath": {"path": path, "type": "Directory"}}
        for index, path in enumerate(folders)
    ]
    mounts = [
        {"name": f"folder-{index}", "mountPath": path, **({"readOnly": True} if read_only else {})}
        for index, (path, read_only) in enumerate(folders.items())
    ]
    confined = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    spec: dict[str, Any] = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        # Its files are root's; of root's powers it keeps none, unless it works on the node's own network.
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": pod.name,
                "image": pod.image,
                "imagePullPolicy": "IfNotPresent",
                "command": list(pod.command),
                "env": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
                "resources": {"requests": {"cpu": pod.cpu}},
                "securityContext": {"privileged": True} if pod.privileged else confined,
                "startupProbe": _probe(pod.probe, pod.probe.live, failures=60),
                "livenessProbe": _probe(pod.probe, pod.probe.live, failures=8),
                "readinessProbe": _probe(pod.probe, pod.probe.ready, failures=3),
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
    if pod.host_aliases:
        spec["hostAliases"] = list(pod.host_aliases)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod.name, "namespace": "kube-system", "labels": {"component": pod.name, **pod.labels}},
        "spec": spec,
    }


def _probe(probe: Probe, path: str, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"host": "127.0.0.1", "port": probe.port, "path": path, "scheme": probe.scheme.upper()},
        "periodSeconds": probe.period,
        "timeoutSeconds": 15,
        "failureThreshold": failures,
    }


def merged(*states: NodeState) -> NodeState:
    """One state of several that share no path and no unit."""
    return NodeState(
        files={path: one for each in states for path, one in each.files.items()},
        directories={path: one for each in states for path, one in each.directories.items()},
        units={name: one for each in states for name, one in each.units.items()},
        reactions=tuple(one for each in states for one in each.reactions),
        readiness=tuple(one for each in states for one in each.readiness),
        pre_delete=tuple(one for each in states for one in each.pre_delete),
    )


def dump(data: dict[str, Any]) -> str:
    """A manifest's text."""
    return yaml.safe_dump(data, sort_keys=False, width=1000)
