"""The container runtime of a node: containerd with runc, images that come as files, and the kernel's settings."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config.model import Cluster, Node, Role
from cluster.node import kubelet, paths
from cluster.rendering import render
from nodestate import Action, Directory, File, Hook, NodeState, Reaction, Readiness, Unit

CONTAINERD = "containerd.service"
IMAGES = "plumbline-images.service"
SYSCTL = "systemd-sysctl.service"

KERNEL = {
    "kernel.panic": 10,
    "kernel.panic_on_oops": 1,
    "net.ipv4.ip_forward": 1,
    "vm.overcommit_memory": 1,
    "vm.panic_on_oom": 0,
}
"""What the kubelet requires with protectKernelDefaults, and forwarding for pods."""


END = f"""
for one in $({paths.CTR} --namespace k8s.io tasks list --quiet); do
  {paths.CTR} --namespace k8s.io tasks kill --signal SIGKILL "$one" || true
done
"""
"""Containers outlive their runtime: what still runs on a node that is given up is ended first."""


@dataclass(frozen=True)
class _ImageFile:
    name: str
    file: str


@dataclass(frozen=True)
class _ContainerdUnit:
    bin: str
    containerd: str
    config: str


@dataclass(frozen=True)
class _ImagesUnit:
    ctr: str
    images: tuple[_ImageFile, ...]


@dataclass(frozen=True)
class _ContainerdConfig:
    socket: str
    pause_image: str
    restrict_oom_score_adj: bool
    cni_bin: str
    cni_config: str
    runc: str
    systemd_cgroup: bool


def state(cluster: Cluster, node: Node) -> NodeState:
    """What the node must hold for containers to run. Containers outlive a restart of containerd."""
    artifacts = cluster.artifacts
    protects = bool(kubelet.configuration(cluster, node)["protectKernelDefaults"])
    shipped = [image for image in artifacts.images if node.role is Role.CONTROL_PLANE or not image.control_plane]
    images = tuple(
        _ImageFile(image.name, f"{paths.IMAGES}/{image.archive.url.rpartition('/')[2]}") for image in shipped
    )
    files = {
        paths.CONTAINERD: File(source=artifacts.containerd, mode="0755"),
        paths.CONTAINERD_SHIM: File(source=artifacts.containerd_shim, mode="0755"),
        paths.CTR: File(source=artifacts.ctr, mode="0755"),
        paths.RUNC: File(source=artifacts.runc, mode="0755"),
        paths.CONTAINERD_CONFIG: File(_config(cluster, node)),
        paths.CONTAINERD_UNIT: File(
            render(
                "node/container_runtime/containerd.service.j2",
                _ContainerdUnit(paths.BIN, paths.CONTAINERD, paths.CONTAINERD_CONFIG),
            )
        ),
    }
    directories = {
        paths.BIN: Directory(),
        paths.CNI_BIN: Directory(),
        paths.CNI_CONFIG: Directory(),
    }
    units = {CONTAINERD: Unit()}
    # The shim and runc are read at each container's start: a new one needs no restart.
    reactions = [
        Reaction(CONTAINERD, Action.RESTART, (paths.CONTAINERD, paths.CONTAINERD_CONFIG, paths.CONTAINERD_UNIT))
    ]
    if protects:
        files[paths.SYSCTL] = File("".join(f"{key} = {value}\n" for key, value in sorted(KERNEL.items())))
        reactions.append(Reaction(SYSCTL, Action.RESTART, (paths.SYSCTL,)))
    if images:
        directories[paths.IMAGES] = Directory("0700")
        for image, one in zip(images, shipped, strict=True):
            files[image.file] = File(source=one.archive, mode="0600")
        files[paths.IMAGES_UNIT] = File(
            render("node/container_runtime/plumbline-images.service.j2", _ImagesUnit(paths.CTR, images))
        )
        units[IMAGES] = Unit()
        reactions.append(Reaction(IMAGES, Action.RESTART, (paths.IMAGES_UNIT, *[image.file for image in images])))
    return NodeState(
        files,
        directories,
        units,
        tuple(reactions),
        readiness=(Readiness(CONTAINERD, timeout=120),),
        pre_delete=(Hook(CONTAINERD, END),),
    )


def _config(cluster: Cluster, node: Node) -> str:
    return render(
        "node/container_runtime/config.toml.j2",
        _ContainerdConfig(
            socket=paths.CONTAINERD_SOCKET,
            pause_image=cluster.artifacts.pause_image,
            restrict_oom_score_adj=cluster.restrict_oom_score_adj,
            cni_bin=paths.CNI_BIN,
            cni_config=paths.CNI_CONFIG,
            runc=paths.RUNC,
            # Runtime and kubelet must agree on who makes the control groups.
            systemd_cgroup=kubelet.configuration(cluster, node)["cgroupDriver"] == "systemd",
        ),
    )
