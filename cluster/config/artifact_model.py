"""The binaries and images that nodes download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nodestate import Download


@dataclass(frozen=True)
class ContainerImage:
    """A container image to import into containerd from a pinned tar archive; on control-plane nodes only, or on all.

    `digest` is the one that it must have once it is imported, if the configuration says so.
    """

    name: str
    archive: Download
    control_plane: bool = False
    digest: str = ""

    @property
    def by_digest(self) -> str:
        """The name under which containerd finds the image for a reference with its digest."""
        return _by_digest(self.name, self.digest)


@dataclass(frozen=True)
class Artifacts:
    """The binaries and images a node needs, each pinned by sha256.

    `cni` are the network plugins by name. `images` is empty if nodes pull from registries. `digests` are the images'
    digests, as far as they are pinned.
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
    images: tuple[ContainerImage, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    def reference(self, image: str) -> str:
        """An image as a pod names it: with its digest if that is pinned. The tag is for readers then."""
        return f"{image}@{self.digests[image]}" if image in self.digests else image

    def bare_reference(self, image: str) -> str:
        """An image as containerd keeps it: without its tag if the digest is pinned."""
        return _by_digest(image, self.digests[image]) if image in self.digests else image


def _by_digest(image: str, digest: str) -> str:
    return f"{image.rpartition(':')[0]}@{digest}"
