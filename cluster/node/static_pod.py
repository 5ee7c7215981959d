"""Static pods: the manifest of one, and the systemd unit by which the plan names its restarts.

The unit is active once the pod runs with its files as they are now (templates/node/static_pod/static-pod.sh.j2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.node import paths
from cluster.node.binaries import Binaries
from cluster.rendering import dump_yaml, render
from cluster.step import Issued, IssuedFile
from nodestate import Action, Directory, File, Hook, NodeState, Reaction, Readiness, Unit

ENVIRONMENT = {"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "5", "HTTP2_PING_TIMEOUT_SECONDS": "3"}
"""A dead control-plane node is noticed in seconds, not in TCP's minutes."""


@dataclass(frozen=True)
class Probe:
    """The health endpoints of a component on its node, asked every `period` seconds."""

    port: int
    live: str = "/livez"
    ready: str = "/readyz"
    scheme: str = "https"
    period: int = 10

    def url(self) -> str:
        """The readiness endpoint."""
        return f"{self.scheme}://127.0.0.1:{self.port}{self.ready}"


@dataclass(frozen=True)
class PodFile:
    """One file in the component's own folder: rendered text, or an issued one.

    `reread`: the program notices a change by itself. Any other file is read at the start only: a change restarts the pod.
    """

    name: str
    content: str | Issued
    reread: bool = False


@dataclass(frozen=True)
class StaticPod:
    """One component of one container. Its container sees the component's own folder, and `writes`, which it may write to.

    `serves`: the file of `files` that holds its serving certificate, where it rereads that (key: same name, `.key`).
    """

    name: str
    description: str
    image: str
    flags: Mapping[str, str]
    files: Sequence[PodFile]
    probe: Probe
    cpu: str
    writes: Sequence[str] = ()
    serves: str | None = None
    host_aliases: Sequence[dict[str, Any]] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    privileged: bool = False

    @property
    def unit(self) -> str:
        """The systemd unit that represents it."""
        return f"{self.name}.service"

    @property
    def manifest_path(self) -> str:
        """Where the kubelet reads it."""
        return f"{paths.MANIFESTS}/{self.name}.yaml"

    @property
    def folder(self) -> str:
        """The only folder of /etc that its container sees."""
        return f"{paths.KUBERNETES}/{self.name}"

    def path(self, name: str) -> str:
        """The absolute path of one of its files."""
        return f"{self.folder}/{name}"


def path(component: str, name: str) -> str:
    """The absolute path of a file of a component, for its flags."""
    return f"{paths.KUBERNETES}/{component}/{name}"


def node_state(pods: Sequence[StaticPod], programs: Binaries, timeout: int) -> NodeState:
    """Manifests, units, folders and rendered files of static pods, with the reactions to all their files.

    Each must be ready within `timeout` seconds. Issued files: see `issued`.
    """
    files: dict[str, File] = {}
    directories: dict[str, Directory] = {}
    reactions: list[Reaction] = []
    for pod in pods:
        directories |= {pod.folder: Directory("0700")} | {folder: Directory("0700") for folder in pod.writes}
        files |= {
            pod.path(file.name): File(file.content, mode="0600")
            for file in pod.files
            if not isinstance(file.content, Issued)
        }
        started_with = [pod.path(file.name) for file in pod.files if not file.reread]
        files[pod.manifest_path] = File(dump_yaml(manifest(pod)), mode="0600")
        files[f"{paths.UNITS}/{pod.unit}"] = File(_unit(pod, programs, started_with))
        reactions.append(Reaction(pod.unit, Action.RESTART, (pod.manifest_path, *started_with)))
        if pod.serves is not None:
            served = pod.path(pod.serves)
            reactions.append(
                Reaction(
                    pod.unit,
                    Action.SELF_RELOAD,
                    (served, served.removesuffix(".crt") + ".key"),
                    served_at=f"127.0.0.1:{pod.probe.port}",
                    certificate=served,
                )
            )
    return NodeState(
        files=files,
        directories=directories,
        units={pod.unit: Unit() for pod in pods},
        reactions=tuple(reactions),
        readiness=tuple(Readiness(pod.unit, http=pod.probe.url(), timeout=timeout) for pod in pods),
        pre_delete=tuple(Hook(pod.unit, f"{programs.static_pod} end {pod.name} {pod.manifest_path}\n") for pod in pods),
    )


def issued(pods: Sequence[StaticPod]) -> tuple[IssuedFile, ...]:
    """The files of static pods whose text is made during the run."""
    return tuple(
        IssuedFile(pod.path(file.name), file.content)
        for pod in pods
        for file in pod.files
        if isinstance(file.content, Issued)
    )


def merged(*states: NodeState) -> NodeState:
    """One NodeState of several that share no path and no unit. Rollout and preStart hooks are the caller's to add."""
    return NodeState(
        files={path: one for each in states for path, one in each.files.items()},
        directories={path: one for each in states for path, one in each.directories.items()},
        units={name: one for each in states for name, one in each.units.items()},
        reactions=tuple(one for each in states for one in each.reactions),
        readiness=tuple(one for each in states for one in each.readiness),
        pre_delete=tuple(one for each in states for one in each.pre_delete),
    )


@dataclass(frozen=True)
class _ScriptParameters:
    bin: str


def script(programs: Binaries) -> str:
    """The script behind the units, the same for all static pods."""
    return render("node/static_pod/static-pod.sh.j2", _ScriptParameters(programs.folder))


@dataclass(frozen=True)
class _UnitParameters:
    description: str
    script: str
    name: str
    manifest: str
    files: tuple[str, ...]


def _unit(pod: StaticPod, programs: Binaries, started_with: Sequence[str]) -> str:
    parameters = _UnitParameters(pod.description, programs.static_pod, pod.name, pod.manifest_path, tuple(started_with))
    return render("node/static_pod/static-pod.service.j2", parameters)


def manifest(pod: StaticPod) -> dict[str, Any]:
    """The pod as the kubelet reads it."""
    folders = {pod.folder: True} | dict.fromkeys(pod.writes, False)
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
        # Its files belong to root; it keeps none of root's capabilities unless it configures the node's network.
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": pod.name,
                "image": pod.image,
                "imagePullPolicy": "IfNotPresent",
                "command": [pod.name, *(f"--{flag}={value}" for flag, value in sorted(pod.flags.items()))],
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
