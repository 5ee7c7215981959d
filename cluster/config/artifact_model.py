"""The binaries and images that nodes download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Pinned:
    """Something to download, pinned by checksum.

    `sha256` is the checksum of what `url` serves (64 hex digits). `extract` names the one member to take
    where that is a tar archive, else None.
    """

    url: str
    sha256: str
    extract: str | None = None


@dataclass(frozen=True)
class ContainerImage:
    """A container image to import into containerd from a pinned tar archive; on control-plane nodes only, or on all."""

    name: str
    archive: Pinned
    control_plane: bool = False


@dataclass(frozen=True)
class Artifacts:
    """The binaries and images a node needs, each pinned by sha256.

    `cni` are the network plugins by name. `pause_image` is containerd's sandbox image name. `images` is empty where
    nodes pull from registries.
    """

    kubelet: Pinned
    kubectl: Pinned
    containerd: Pinned
    containerd_shim: Pinned
    ctr: Pinned
    runc: Pinned
    etcd: Pinned
    etcdctl: Pinned
    etcdutl: Pinned
    cni: Mapping[str, Pinned]
    pause_image: str
    images: tuple[ContainerImage, ...] = ()
