"""The binaries and images that nodes download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nodestate import Download


@dataclass(frozen=True)
class ContainerImage:
    """A container image to import into containerd from a pinned tar archive; on control-plane nodes only, or on all."""

    name: str
    archive: Download
    control_plane: bool = False


@dataclass(frozen=True)
class Artifacts:
    """The binaries and images a node needs, each pinned by sha256.

    `cni` are the network plugins by name. `pause_image` is containerd's sandbox image name. `images` is empty if
    nodes pull from registries.
    """

    kubelet: Download
    kubectl: Download
    containerd: Download
    containerd_shim: Download
    ctr: Download
    runc: Download
    etcd: Download
    etcdctl: Download
    etcdutl: Download
    cni: Mapping[str, Download]
    pause_image: str
    images: tuple[ContainerImage, ...] = ()
