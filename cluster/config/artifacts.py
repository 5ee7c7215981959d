"""Where the binaries and images come from: upstream, by the pins of this release, or a mirror with its checksum file."""

from __future__ import annotations

import re
from pathlib import Path

from cluster import versions
from cluster.config import syntax
from cluster.config.model import Artifacts, ContainerImage
from cluster.config.reader import Reader
from nodestate import Download

LINE = re.compile(r"([0-9a-f]{64})  ?\*?(\S+)")


def parse(reader: Reader, version: str, root: Path) -> Artifacts | None:
    """The artifacts of one Kubernetes version; None where an error was noted.

    A mirror's tree is that of the lab: <project>/<version>/<program> and images/*.tar, with a sha256sum file over it.
    The file is read here: it is what pins the mirror.
    """
    source = reader.choice("source", ["upstream", "mirror"], "upstream")
    if source == "upstream":
        for key in ("url", "sha256sums"):
            if reader.has(key):
                reader.error(key, "is for artifacts.source mirror; upstream files are pinned by this release")
        reader.finish()
        return _upstream(version)
    before = len(reader.errors)
    url = reader.text("url", check=syntax.url, missing="where the mirror serves its tree").rstrip("/")
    sums = reader.text("sha256sums", missing="the mirror's checksum file, in the form of sha256sum")
    reader.finish()
    if len(reader.errors) > before:
        return None
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
        **{name: f"cni/{versions.CNI}/{name}" for name in versions.CNI_PLUGINS},
    }
    tars = {
        versions.PAUSE_IMAGE: f"images/pause-{versions.PAUSE}.tar",
        versions.COREDNS_IMAGE: f"images/coredns-{versions.COREDNS}.tar",
        **{
            versions.image(name, version): f"images/{name}-{version}.tar"
            for name in (*versions.CONTROL_PLANE, versions.KUBE_PROXY)
        },
    }
    masters_only = {versions.image(name, version) for name in versions.CONTROL_PLANE}

    def mirrored(name: str) -> Download:
        return Download(f"{url}/{name}", checksum_from(reader, root, sums, name))

    pinned = {key: mirrored(name) for key, name in names.items()}
    images = tuple(ContainerImage(name, mirrored(tar), name in masters_only) for name, tar in tars.items())
    if len(reader.errors) > before:
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
        cni={name: pinned[name] for name in versions.CNI_PLUGINS},
        pause_image=versions.PAUSE_IMAGE,
        images=images,
    )


def checksum_from(reader: Reader, root: Path, file: str, name: str) -> str:
    """The sha256 that a checksum file lists for a name; notes an error and returns "" where there is none."""
    try:
        lines = (root / file).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        message = f"{file} cannot be read; run `make up` once, or build the lab's files with `make lab`"
        if f"{reader.at('sha256sums')}: {message}" not in reader.errors:
            reader.error("sha256sums", message)
        return ""
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line.strip())
        if match is None:
            reader.error("sha256sums", f"{file}, line {number} is not '<sha256>  <name>', as sha256sum writes it")
            return ""
        if match[2].removeprefix("./") == name:
            return match[1]
    reader.error("sha256sums", f"{file} has no sha256 for {name}")
    return ""


def _upstream(version: str) -> Artifacts:
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
        cni={name: Download(cni.url, cni.sha256, extract=f"./{name}") for name in versions.CNI_PLUGINS},
        pause_image=versions.PAUSE_IMAGE,
    )
