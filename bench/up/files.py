"""Programs and images on the hosts: which ones, and the scripts that fetch them from the lab's mirror before a run's clock starts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.up.hosts import MIRROR, Hosts
from builder import golang
from builder.versions import VERSIONS
from lab import build, parts
from lab.parts import Image, Part

CNI_PROGRAMS = "/opt/cni/bin"
FOLDER = "bench"
"""The folder in the lab's mirror with what only kubeadm's cluster needs."""

KUBEADM = Part(
    folder="kubeadm",
    version=parts.KUBERNETES,
    programs={f"{FOLDER}/kubeadm": "k8s.io/kubernetes/cmd/kubeadm"},
    variables=parts.kubernetes_version(parts.KUBERNETES),
)
MODULE = Path(__file__).parent / "kubeadm"

ETCD_IMAGE = Image(
    name=f"registry.k8s.io/etcd:{parts.ETCD}-0",
    path=f"{FOLDER}/images/etcd-{parts.ETCD}.tar",
    program=f"etcd/v{parts.ETCD}/etcd",
    entry="usr/local/bin/etcd",
    root=True,
)
"""kubeadm runs etcd as a static pod, this program as a unit."""

RIVAL_IMAGES = (
    # kubeadm sets no user in its pods: the users of upstream's images can read its keys.
    *(replace(image, path=f"{FOLDER}/{image.path}", root=True) for image in parts.IMAGES),
    ETCD_IMAGE,
)
ON_CONTROL_PLANE = ("etcd", *parts.CONTROL_PLANE)
"""Images of control-plane nodes only, by the beginning of the file's name."""


def built() -> dict[str, Path]:
    """kubeadm and the images for its cluster, by their paths in the mirror; the first build takes minutes. Raises UserError."""
    go = golang.find()
    folders = [build.build_part(part, build.ARTIFACTS / part.folder, go) for part in parts.PARTS]
    kubeadm = build.build_part(KUBEADM, MODULE, go)
    files = {path: kubeadm / path for path in KUBEADM.programs}
    for image in RIVAL_IMAGES:
        files[image.path] = build.build_image(image, folders, go) / image.path
    return files


def serve(hosts: Hosts, files: Mapping[str, Path]) -> None:
    """Adds files to the mirror of running hosts."""
    for path, file in files.items():
        build.place(file, hosts.lab.mirror / path)


@dataclass(frozen=True)
class Fetched:
    """A file of the mirror and its path on a host."""

    source: str
    target: str
    mode: str = "0755"


def programs(folder: str, control_plane: bool) -> list[Fetched]:
    """The lab's programs for a node: those of Kubernetes and containerd into `folder`, the CNI plugins into theirs."""
    wanted = ["kubelet", "containerd", "containerd-shim-runc-v2", "ctr", "runc"]
    wanted += ["kubectl", "etcd", "etcdctl", "etcdutl"] if control_plane else []
    found = []
    for part in parts.PARTS:
        for path in part.programs:
            name = Path(path).name
            if part.folder == "cni":
                found.append(Fetched(path, f"{CNI_PROGRAMS}/{name}"))
            elif name in wanted:
                found.append(Fetched(path, f"{folder}/{name}"))
    return found


def images(folder: str, control_plane: bool, of: Iterable[Image]) -> list[Fetched]:
    """The archives of a node's images, into `folder`."""
    paths = [parts.PAUSE_PATH, *(image.path for image in of)]
    return [
        Fetched(path, f"{folder}/{Path(path).name}", "0600")
        for path in paths
        if control_plane or not Path(path).name.startswith(ON_CONTROL_PLANE)
    ]


def fetching(files: Iterable[Fetched]) -> str:
    """The script that fetches files from the mirror."""
    lines = []
    for one in files:
        target = shlex.quote(one.target)
        lines.append(f"mkdir -p {shlex.quote(str(Path(one.target).parent))}")
        lines.append(f"curl -fsS --max-time 60 -o {target} {MIRROR}/{one.source}")
        lines.append(f"chmod {one.mode} {target}")
    return "".join(f"{line}\n" for line in lines)


def writing(texts: Mapping[str, str]) -> str:
    """The script that writes files with these texts."""
    lines = []
    for path, text in texts.items():
        lines.append(f"mkdir -p {shlex.quote(str(Path(path).parent))}")
        lines.append(f"printf %s {shlex.quote(text)} >{shlex.quote(path)}")
    return "".join(f"{line}\n" for line in lines)


def importing(ctr: str, archives: Iterable[Fetched]) -> str:
    """The script that imports archives into the running containerd, as this program's unit does it."""
    named = " ".join(shlex.quote(one.target) for one in archives)
    return f"echo {named} | xargs -n 1 -P 2 {ctr} --namespace k8s.io images import --local >/dev/null\n"


VERSIONS_SHOWN = {
    "Kubernetes": parts.KUBERNETES,
    "etcd": parts.ETCD,
    "containerd": parts.CONTAINERD,
    "CoreDNS": parts.COREDNS,
    "engine": str(VERSIONS["pulumi"]["engine"]),
}
