"""The container runtime of a node: containerd with runc, images imported from archives, the pod network, and kernel settings."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster import versions
from cluster.config.model import Cluster, Cni, ContainerImage, Node, Role
from cluster.node import kubelet, paths, pod_network, proxy, registries, trusted_cas
from cluster.node.binaries import Binaries, binaries
from cluster.node.rollouts import rollout
from cluster.node.static_pod import merged
from cluster.rendering import render
from cluster.step import After, NodeStateStep, step_name
from nodestate import Action, Directory, File, Foreign, Hook, NodeState, Probe, Reaction, Readiness, Unit, Verification

COMPONENT = "runtime"
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
"""The settings that the kubelet requires with protectKernelDefaults, and IP forwarding for pods."""


def plan(cluster: Cluster, node: Node) -> NodeStateStep:
    """The container runtime of one node. Containers outlive a restart of containerd."""
    parts = [
        _containerd(cluster, node),
        registries.state(cluster.containerd.registries),
        trusted_cas.state(node.site, binaries(cluster), CONTAINERD),
        pod_network.state(cluster, node),
    ]
    settings = kubelet.configuration(cluster, node)
    if settings["protectKernelDefaults"]:
        parts.append(_kernel())
    if images := [
        image
        for image in cluster.kubernetes.artifacts.images
        if node.role is Role.CONTROL_PLANE or not image.control_plane
    ]:
        parts.append(_images(binaries(cluster), images))
    return NodeStateStep(
        node=node.name,
        component=COMPONENT,
        state=replace(merged(*parts), rollout=rollout(cluster, node)),
        after=(After(step_name(node.name, "first-boot"), "nothing is written before Ignition has finished"),),
    )


def _containerd(cluster: Cluster, node: Node) -> NodeState:
    artifacts, programs = cluster.kubernetes.artifacts, binaries(cluster)
    imports = {f"{paths.CONTAINERD_DROP_INS}/{name}": File(text) for name, text in cluster.containerd.imports.items()}
    environment = proxy.files(cluster)
    started_with = (programs.containerd, paths.CONTAINERD_CONFIG, paths.CONTAINERD_UNIT, *imports, *environment)
    return NodeState(
        files={
            programs.containerd: File(source=artifacts.containerd, mode="0755"),
            # Started for each new container: a new version restarts nothing.
            programs.path("containerd-shim-runc-v2"): File(source=artifacts.containerd_shim, mode="0755"),
            programs.ctr: File(source=artifacts.ctr, mode="0755"),
            programs.runc: File(source=artifacts.runc, mode="0755"),
            paths.CONTAINERD_CONFIG: File(_config(cluster, node)),
            paths.CONTAINERD_UNIT: File(
                render(
                    "node/container_runtime/containerd.service.j2",
                    _ContainerdUnit(
                        programs.folder, programs.containerd, paths.CONTAINERD_CONFIG, next(iter(environment), None)
                    ),
                )
            ),
            **imports,
            **environment,
        },
        directories={
            programs.folder: Directory(),
            programs.folders.cni_plugins: Directory(),
            paths.CNI_CONFIG: Directory(foreign=_foreign_cni(cluster)),
            # Configuration of others, such as a GPU operator's, is imported, too: it is named, and kept.
            paths.CONTAINERD_DROP_INS: Directory(foreign=Foreign.NAMED),
        },
        units={CONTAINERD: Unit(foreign_drop_ins=Foreign.REMOVED)},
        reactions=(Reaction(CONTAINERD, Action.RESTART, started_with),),
        readiness=(Readiness(CONTAINERD, timeout=120),),
        verifications=(
            Verification(
                (programs.containerd, paths.CONTAINERD_CONFIG, *imports), _verify(programs.containerd, tuple(imports))
            ),
        ),
        probes={"cri": _serves_kubelets(programs)},
        pre_delete=(Hook(CONTAINERD, _kill_containers(programs)),),
    )


def _kill_containers(programs: Binaries) -> str:
    """A pre-delete script: containers outlive containerd, so those that still run are killed first."""
    ctr = f"{programs.ctr} --namespace k8s.io"
    return f"""
for task in $({ctr} tasks list --quiet); do
  {ctr} tasks kill --signal SIGKILL "$task" || true
done
"""


def _serves_kubelets(programs: Binaries) -> Probe:
    """containerd runs without its part for kubelets where that part could not start: then the text is the reason."""
    listed = f"{programs.ctr} --connect-timeout 2s plugins list"
    return Probe(
        f"{listed} id==cri | grep -qw ok && echo ok || {listed} --detailed id==cri | sed -n 's/^ *Message: *//p'",
        "ok",
        CONTAINERD,
        10,
    )


def _foreign_cni(cluster: Cluster) -> Foreign:
    """containerd uses the first file of the folder by name: another one may take the place of the routed network's."""
    return Foreign.NAMED if cluster.network.cni is Cni.ROUTED else Foreign.IGNORED


def _verify(containerd: str, imports: tuple[str, ...]) -> str:
    parameters = _VerifyParameters(containerd, paths.CONTAINERD_CONFIG, paths.CONTAINERD_DROP_INS, imports)
    return render("node/container_runtime/verify.sh.j2", parameters)


def _kernel() -> NodeState:
    text = "".join(f"{key} = {value}\n" for key, value in sorted(KERNEL.items()))
    files = " ".join(key.replace(".", "/") for key in sorted(KERNEL))
    return NodeState(
        files={paths.SYSCTL: File(text)},
        reactions=(Reaction(SYSCTL, Action.RESTART, (paths.SYSCTL,)),),
        probes={
            "sysctl": Probe(f"cd /proc/sys && grep -H . {files} | sed 's,/,.,g; s/:/ = /'", text.rstrip("\n"), SYSCTL)
        },
    )


def _images(programs: Binaries, images: Sequence[ContainerImage]) -> NodeState:
    """Image archives that containerd imports, for nodes that do not pull from registries."""
    files = {f"{paths.IMAGES}/{image.archive.url.rpartition('/')[2]}": image for image in images}
    unit = _ImagesUnit(
        programs.ctr,
        tuple(_ImageFile(image.name, file, image.digest, image.by_digest) for file, image in files.items()),
    )
    return NodeState(
        files={file: File(source=image.archive, mode="0600") for file, image in files.items()}
        | {paths.IMAGES_UNIT: File(render("node/container_runtime/plumbline-images.service.j2", unit))},
        directories={paths.IMAGES: Directory("0700")},
        units={IMAGES: Unit(foreign_drop_ins=Foreign.REMOVED)},
        reactions=(Reaction(IMAGES, Action.RESTART, (paths.IMAGES_UNIT, *files)),),
        probes={"images": _pinned_images(programs, images)},
    )


def _pinned_images(programs: Binaries, images: Sequence[ContainerImage]) -> Probe:
    """The images that containerd has and its garbage collection leaves alone, of those in archives; with their digests, where
    these are pinned: a name may have been given to another image."""
    lines = sorted({line for image in images for line in _listed(image)})
    patterns = " ".join(f"-e {shlex.quote(line)}" for line in lines)
    listed = f"{programs.ctr} --connect-timeout 2s --namespace k8s.io images list"
    pinned = """'labels."io.cri-containerd.pinned"==pinned'"""
    if any(image.digest for image in images):
        found = f"{listed} {pinned} | awk '{{ print $1; print $1, $3 }}'"
    else:
        found = f"{listed} --quiet {pinned}"
    return Probe(
        f"{found} | LC_ALL=C sort -u | grep -Fx {patterns} || true",
        "\n".join(lines),
        IMAGES,
        10,
    )


def _listed(image: ContainerImage) -> tuple[str, ...]:
    """The lines of the probe for one image."""
    if not image.digest:
        return (image.name,)
    return f"{image.name} {image.digest}", f"{image.by_digest} {image.digest}"


@dataclass(frozen=True)
class _VerifyParameters:
    containerd: str
    config: str
    drop_ins: str
    imports: tuple[str, ...]


@dataclass(frozen=True)
class _ContainerdUnit:
    bin: str
    containerd: str
    config: str
    proxy: str | None


@dataclass(frozen=True)
class _ImageFile:
    name: str
    file: str
    digest: str
    by_digest: str


@dataclass(frozen=True)
class _ImagesUnit:
    ctr: str
    images: tuple[_ImageFile, ...]


@dataclass(frozen=True)
class _ContainerdConfig:
    drop_ins: str
    socket: str
    pause_image: str
    registries: str | None
    restrict_oom_score_adj: bool
    cni_bin: str
    cni_config: str
    runc: str
    systemd_cgroup: bool


def _config(cluster: Cluster, node: Node) -> str:
    return render(
        "node/container_runtime/config.toml.j2",
        _ContainerdConfig(
            drop_ins=paths.CONTAINERD_DROP_INS,
            socket=paths.CONTAINERD_SOCKET,
            # In containerd's own form: only then is the image that it pulls marked as pinned.
            pause_image=cluster.kubernetes.artifacts.bare_reference(versions.PAUSE_IMAGE),
            registries=paths.REGISTRIES if any(cluster.containerd.registries.values()) else None,
            restrict_oom_score_adj=cluster.containerd.restrict_oom_score_adj,
            cni_bin=binaries(cluster).folders.cni_plugins,
            cni_config=paths.CNI_CONFIG,
            runc=binaries(cluster).runc,
            # containerd and the kubelet must use the same cgroup driver.
            systemd_cgroup=kubelet.configuration(cluster, node)["cgroupDriver"] == "systemd",
        ),
    )
