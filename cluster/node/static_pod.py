"""Static pods: manifest, files, and the systemd unit that represents each pod in plans and readiness checks.

The unit becomes active once the pod runs with its current files (templates/node/static_pod/static-pod.sh.j2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cluster.config.control_plane_model import Component, HostVolume, host_volumes
from cluster.config.flag_values import Flags, flag_values
from cluster.node import paths
from cluster.node.binaries import Binaries
from cluster.node.start_check import StartCheck, Started, verification
from cluster.rendering import dump_yaml, render
from cluster.step import Issued, IssuedFile, Part
from nodestate import Action, Directory, File, Foreign, Hook, NodeState, Probe, Reaction, Readiness, Unit

ENVIRONMENT = {"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "5", "HTTP2_PING_TIMEOUT_SECONDS": "3"}
"""HTTP/2 pings: a client notices a dead control-plane node in seconds; TCP alone takes minutes."""


@dataclass(frozen=True)
class HealthEndpoint:
    """The health endpoints of a component on its node, asked by the kubelet every `period` seconds."""

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
    """One file in the component's own folder: rendered or issued text.

    With `reread`, the program notices a change by itself. Any other file is read at the start only: a change restarts the pod.
    """

    name: str
    content: str | Issued
    reread: bool = False


def key_pair(name: str, leaf: str) -> tuple[PodFile, PodFile]:
    """The files `<name>.crt` and `<name>.key` of a leaf, which the program rereads."""
    return (
        PodFile(f"{name}.crt", Issued(leaf, Part.CERTIFICATE), reread=True),
        PodFile(f"{name}.key", Issued(leaf, Part.PRIVATE_KEY), reread=True),
    )


@dataclass(frozen=True)
class StaticPod:
    """A static pod with one container, which sees the component's own folder, the folders in `writes` (writable) and `volumes`.

    `serves` is the name of the serving certificate in `files` if the program rereads it; its key has the suffix `.key`.
    """

    name: str
    description: str
    image: str
    flags: Flags
    files: Sequence[PodFile]
    health: HealthEndpoint
    cpu: str
    check: StartCheck
    writes: Sequence[str] = ()
    volumes: Sequence[HostVolume] = ()
    serves: str | None = None
    host_aliases: Sequence[dict[str, Any]] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    privileged: bool = False

    @property
    def unit(self) -> str:
        """The systemd unit that represents the pod."""
        return f"{self.name}.service"

    @property
    def manifest_path(self) -> str:
        """The path of the manifest, read by the kubelet."""
        return f"{paths.MANIFESTS}/{self.name}.yaml"

    @property
    def folder(self) -> str:
        """The only folder below /etc that the container sees."""
        return f"{paths.KUBERNETES}/{self.name}"

    def path(self, name: str) -> str:
        """The absolute path of one of the pod's files."""
        return f"{self.folder}/{name}"

    def with_settings(self, settings: Component) -> StaticPod:
        """The pod with a stack's flags, which replace the program's own, and volumes."""
        return replace(self, flags={**self.flags, **flag_values(settings.extra_args)}, volumes=host_volumes(settings))

    @property
    def arguments(self) -> list[str]:
        """The flags of the container's command, by name."""
        return [
            f"--{flag}={one}"
            for flag, value in sorted(self.flags.items())
            for one in ([value] if isinstance(value, str) else value)
        ]


def path(component: str, name: str) -> str:
    """The absolute path of a file of a component, for its flags."""
    return f"{paths.KUBERNETES}/{component}/{name}"


def node_state(pods: Sequence[StaticPod], programs: Binaries, version: str, timeout: int) -> NodeState:
    """Manifests, units, directories and rendered files of a version's static pods, with the reactions to all their files.

    Each pod must be ready within `timeout` seconds. Issued files are in `issued`.
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
                    served_at=f"127.0.0.1:{pod.health.port}",
                    certificate=served,
                )
            )
    return NodeState(
        files=files,
        directories=directories,
        units={pod.unit: Unit(foreign_drop_ins=Foreign.REMOVED) for pod in pods},
        reactions=tuple(reactions),
        readiness=tuple(Readiness(pod.unit, http=pod.health.url(), timeout=timeout) for pod in pods),
        probes={pod.name: probe(pod) for pod in pods},
        verifications=tuple(
            verification(pod.check, _started(pod, version), programs) for pod in pods if pod.check.wanted
        ),
        pre_delete=tuple(Hook(pod.unit, f"{programs.static_pod} end {pod.name} {pod.manifest_path}\n") for pod in pods),
    )


def _started(pod: StaticPod, version: str) -> Started:
    return Started(
        name=pod.name,
        version=version,
        arguments=tuple(pod.arguments),
        manifest=pod.manifest_path,
        files=tuple(pod.path(file.name) for file in pod.files),
        rendered=tuple(pod.path(file.name) for file in pod.files if not isinstance(file.content, Issued)),
        volumes=tuple(pod.volumes),
    )


def probe(pod: StaticPod) -> Probe:
    """Whether the pod is ready now: its container runs and serves. A moment without readiness is not counted.

    The kubelet starts a container again that exited; the unit's restart waits for that, and fails if the pod stays away.
    """
    return Probe(render("node/static_pod/ready.sh.j2", _ReadyParameters(pod.health.url())), "ready", pod.unit, 15)


def issued(pods: Sequence[StaticPod]) -> tuple[IssuedFile, ...]:
    """The files of static pods whose text is created during the run."""
    return tuple(
        IssuedFile(pod.path(file.name), file.content)
        for pod in pods
        for file in pod.files
        if isinstance(file.content, Issued)
    )


def merged(*states: NodeState) -> NodeState:
    """One NodeState from several that share no path and no unit, without their rollout and pre-start hooks."""
    return NodeState(
        files={path: file for state in states for path, file in state.files.items()},
        directories={path: directory for state in states for path, directory in state.directories.items()},
        units={name: unit for state in states for name, unit in state.units.items()},
        reactions=tuple(reaction for state in states for reaction in state.reactions),
        readiness=tuple(check for state in states for check in state.readiness),
        probes={name: probe for state in states for name, probe in state.probes.items()},
        verifications=tuple(check for state in states for check in state.verifications),
        pre_delete=tuple(hook for state in states for hook in state.pre_delete),
    )


@dataclass(frozen=True)
class _ReadyParameters:
    url: str


@dataclass(frozen=True)
class _ScriptParameters:
    bin: str
    notes: str


def script(programs: Binaries) -> str:
    """The script that the units of all static pods run."""
    return render("node/static_pod/static-pod.sh.j2", _ScriptParameters(programs.folder, paths.STATIC_POD_NOTES))


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
    for one in pod.volumes:
        volumes.append({"name": f"extra-{one.name}", "hostPath": {"path": one.host_path, "type": one.kind}})
        only = {"readOnly": True} if one.read_only else {}
        mounts.append({"name": f"extra-{one.name}", "mountPath": one.mount_path, **only})
    confined = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    spec: dict[str, Any] = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        # The files belong to root. The container has none of root's capabilities, unless it configures the node's network.
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": pod.name,
                "image": pod.image,
                "imagePullPolicy": "IfNotPresent",
                "command": [pod.name, *pod.arguments],
                "env": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
                "resources": {"requests": {"cpu": pod.cpu}},
                "securityContext": {"privileged": True} if pod.privileged else confined,
                "startupProbe": _kubelet_probe(pod.health, pod.health.live, failures=60),
                "livenessProbe": _kubelet_probe(pod.health, pod.health.live, failures=8),
                "readinessProbe": _kubelet_probe(pod.health, pod.health.ready, failures=3),
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


def _kubelet_probe(health: HealthEndpoint, path: str, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"host": "127.0.0.1", "port": health.port, "path": path, "scheme": health.scheme.upper()},
        "periodSeconds": health.period,
        "timeoutSeconds": 15,
        "failureThreshold": failures,
    }
