"""Source of the binaries and images: upstream, at the versions of this release, or a mirror with its checksum file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from cluster import versions
from cluster.config.checksums import checksum
from cluster.config.model import ArtifactKeys, Artifacts, ArtifactSource, ContainerImage
from cluster.config.reader import Reader
from nodestate import Download


def resolve(keys: ArtifactKeys, version: str, cni_plugins: Sequence[str], reader: Reader) -> Artifacts | None:
    """The artifacts of one Kubernetes version, with these CNI plugins; None after an error. `reader` is the section's.

    A mirror has the same tree as the lab's: <project>/<version>/<program> and images/*.tar. Its checksum file, in the
    format of sha256sum, is read here and pins every file.
    """
    if keys.source is ArtifactSource.UPSTREAM:
        for key in ("url", "sha256sums"):
            reader.refuse(key, "is for artifacts.source mirror; upstream files are pinned by this release")
        return _upstream(version, cni_plugins, _digests(keys, version, versions.DIGESTS, reader))
    if not reader.has("url"):
        reader.error("url", "is missing: the URL below which the mirror serves its tree")
    if not reader.has("sha256sums"):
        reader.error("sha256sums", "is missing: the mirror's checksum file, in the format of sha256sum")
    if reader.failed("url") or reader.failed("sha256sums"):
        return None
    url = keys.url.rstrip("/")
    names = {
        "kubelet": f"kubernetes/{version}/kubelet",
        "kubectl": f"kubernetes/{version}/kubectl",
        "containerd": f"containerd/{versions.CONTAINERD}/containerd",
        "containerd_shim": f"containerd/{versions.CONTAINERD}/containerd-shim-runc-v2",
        "ctr": f"containerd/{versions.CONTAINERD}/ctr",
        "runc": f"runc/{versions.RUNC}/runc",
        "etcd": f"etcd/{versions.ETCD}/etcd",
        "etcdctl": f"etcd/{versions.ETCD}/etcdctl",
        "etcdutl": f"etcd/{versions.ETCD}/etcdutl",
        **{name: f"cni/{versions.CNI}/{name}" for name in cni_plugins},
    }
    tars = {
        versions.PAUSE_IMAGE: f"images/pause-{versions.PAUSE}.tar",
        versions.COREDNS_IMAGE: f"images/coredns-{versions.COREDNS}.tar",
        **{
            versions.image(name, version): f"images/{name}-{version}.tar"
            for name in (*versions.CONTROL_PLANE, versions.KUBE_PROXY)
        },
    }
    control_plane_only = {versions.image(name, version) for name in versions.CONTROL_PLANE}

    def mirrored(name: str) -> Download:
        return Download(f"{url}/{name}", checksum(reader.scope, reader.at("sha256sums"), keys.sha256sums, name))

    pinned = {key: mirrored(name) for key, name in names.items()}
    digests = _digests(keys, version, {}, reader)
    images = tuple(
        ContainerImage(name, mirrored(tar), name in control_plane_only, digests.get(name, ""))
        for name, tar in tars.items()
    )
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
        cni={name: pinned[name] for name in cni_plugins},
        images=images,
        digests=digests,
    )


def _digests(keys: ArtifactKeys, version: str, known: Mapping[str, str], reader: Reader) -> dict[str, str]:
    """The digests of the version's images: the configured ones over those that are known. Notes an error for other images."""
    used = versions.images_of(version)
    for name in keys.image_digests:
        if name not in used:
            near = difflib.get_close_matches(name, used, n=1, cutoff=0.8)
            hint = f"did you mean {near[0]}?" if near else f"the images are {', '.join(used)}"
            reader.error(f"imageDigests.{name}", f"is no image of a cluster with Kubernetes {version}: {hint}")
    return {name: digest for name, digest in {**known, **keys.image_digests}.items() if name in used}


def _upstream(version: str, cni_plugins: Sequence[str], digests: Mapping[str, str]) -> Artifacts:
    containerd, runc, cni = versions.CONTAINERD_ARCHIVE, versions.RUNC_BINARY, versions.CNI_ARCHIVE

    def program(name: str) -> Download:
        upstream = versions.program(name, version)
        return Download(upstream.url, upstream.sha256)

    def member(name: str) -> Download:
        return Download(containerd.url, containerd.sha256, extract=f"bin/{name}")

    def of_etcd(name: str) -> Download:
        archive = versions.ETCD_ARCHIVE
        return Download(archive.url, archive.sha256, extract=f"etcd-{versions.ETCD}-linux-amd64/{name}")

    return Artifacts(
        kubelet=program("kubelet"),
        kubectl=program("kubectl"),
        containerd=member("containerd"),
        containerd_shim=member("containerd-shim-runc-v2"),
        ctr=member("ctr"),
        runc=Download(runc.url, runc.sha256),
        etcd=of_etcd("etcd"),
        etcdctl=of_etcd("etcdctl"),
        etcdutl=of_etcd("etcdutl"),
        cni={name: Download(cni.url, cni.sha256, extract=f"./{name}") for name in cni_plugins},
        digests=digests,
    )
