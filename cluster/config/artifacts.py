"""Where the binaries and images come from: upstream, by the pins of this release, or a mirror with its checksum file."""

from __future__ import annotations

from cluster import pins
from cluster.config.checksums import checksum
from cluster.config.model import ArtifactKeys, Artifacts, ArtifactSource, ContainerImage, Pinned
from cluster.config.reader import Reader


def resolve(keys: ArtifactKeys, version: str, reader: Reader) -> Artifacts | None:
    """The artifacts of one Kubernetes version; None after an error. `reader` is the section's.

    A mirror's tree is that of the lab: <project>/<version>/<program> and images/*.tar, with a sha256sum file over it.
    The file is read here: it is what pins the mirror.
    """
    if keys.source is ArtifactSource.UPSTREAM:
        for key in ("url", "sha256sums"):
            reader.refuse(key, "is for artifacts.source mirror; upstream files are pinned by this release")
        return _upstream(version)
    if not reader.has("url"):
        reader.error("url", "is missing: where the mirror serves its tree")
    if not reader.has("sha256sums"):
        reader.error("sha256sums", "is missing: the mirror's checksum file, in the form of sha256sum")
    if reader.failed("url") or reader.failed("sha256sums"):
        return None
    url = keys.url.rstrip("/")
    names = {
        "kubelet": f"kubernetes/{version}/kubelet",
        "kubectl": f"kubernetes/{version}/kubectl",
        "containerd": f"containerd/{pins.CONTAINERD}/containerd",
        "containerd_shim": f"containerd/{pins.CONTAINERD}/containerd-shim-runc-v2",
        "ctr": f"containerd/{pins.CONTAINERD}/ctr",
        "runc": f"runc/{pins.RUNC}/runc",
        "etcd": f"etcd/{pins.ETCD}/etcd",
        "etcdctl": f"etcd/{pins.ETCD}/etcdctl",
        "etcdutl": f"etcd/{pins.ETCD}/etcdutl",
        **{name: f"cni/{pins.CNI}/{name}" for name in pins.CNI_PLUGINS},
    }
    tars = {
        pins.PAUSE_IMAGE: f"images/pause-{pins.PAUSE}.tar",
        pins.COREDNS_IMAGE: f"images/coredns-{pins.COREDNS}.tar",
        **{
            pins.image(name, version): f"images/{name}-{version}.tar" for name in (*pins.CONTROL_PLANE, pins.KUBE_PROXY)
        },
    }
    masters_only = {pins.image(name, version) for name in pins.CONTROL_PLANE}

    def mirrored(name: str) -> Pinned:
        return Pinned(f"{url}/{name}", checksum(reader.scope, reader.at("sha256sums"), keys.sha256sums, name))

    pinned = {key: mirrored(name) for key, name in names.items()}
    images = tuple(ContainerImage(name, mirrored(tar), name in masters_only) for name, tar in tars.items())
    if reader.failed("sha256sums"):
        return None
    return Artifacts(
        kubelet=pinned["kubelet"],
        kubectl=pinned["kubectl"],
        containerd=pinned["containerd"],
        containerd_shim=pinned["containerd_shim"],
        ctr=pinned["ctr"],
        runc=pinned["runc"],
        etcd=pinned["etcd"],
        etcdctl=pinned["etcdctl"],
        etcdutl=pinned["etcdutl"],
        cni={name: pinned[name] for name in pins.CNI_PLUGINS},
        pause_image=pins.PAUSE_IMAGE,
        images=images,
    )


def _upstream(version: str) -> Artifacts:
    containerd, runc, cni = pins.CONTAINERD_ARCHIVE, pins.RUNC_BINARY, pins.CNI_ARCHIVE

    def program(name: str) -> Pinned:
        upstream = pins.program(name, version)
        return Pinned(upstream.url, upstream.sha256)

    def member(name: str) -> Pinned:
        return Pinned(containerd.url, containerd.sha256, extract=f"bin/{name}")

    def of_etcd(name: str) -> Pinned:
        archive = pins.ETCD_ARCHIVE
        return Pinned(archive.url, archive.sha256, extract=f"etcd-{pins.ETCD}-linux-amd64/{name}")

    return Artifacts(
        kubelet=program("kubelet"),
        kubectl=program("kubectl"),
        containerd=member("containerd"),
        containerd_shim=member("containerd-shim-runc-v2"),
        ctr=member("ctr"),
        runc=Pinned(runc.url, runc.sha256),
        etcd=of_etcd("etcd"),
        etcdctl=of_etcd("etcdctl"),
        etcdutl=of_etcd("etcdutl"),
        cni={name: Pinned(cni.url, cni.sha256, extract=f"./{name}") for name in pins.CNI_PLUGINS},
        pause_image=pins.PAUSE_IMAGE,
    )
