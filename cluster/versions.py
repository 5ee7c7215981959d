"""The versions of the programs on the nodes, from versions.toml, and their upstream URLs.

`python -m cluster.versions` prints them as a page for the documentation.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).resolve().parents[1] / "versions.toml"
_VERSIONS: dict[str, Any] = tomllib.loads(_FILE.read_text())

CONTAINERD: str = _VERSIONS["containerd"]["version"]
RUNC: str = _VERSIONS["runc"]["version"]
ETCD: str = _VERSIONS["etcd"]["version"]
CNI: str = _VERSIONS["cni"]["version"]
COREDNS: str = _VERSIONS["coredns"]["version"]
PAUSE: str = _VERSIONS["pause"]["version"]
PAUSE_IMAGE = f"registry.k8s.io/pause:{PAUSE}"
COREDNS_IMAGE = f"registry.k8s.io/coredns/coredns:{COREDNS}"
CNI_PLUGINS = ("host-local", "loopback", "portmap", "ptp")
DELEGATED_PLUGINS = ("bridge", *CNI_PLUGINS)
"""With `network.cni: none`: those that another's CNI plugin calls, as flannel's calls bridge. containerd itself needs loopback."""
KUBE_PROXY = "kube-proxy"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
DIGESTS: dict[str, str] = _VERSIONS["images"]
"""The digests of upstream's images by name and tag, as far as they are known."""


@dataclass(frozen=True)
class Upstream:
    """A file that upstream serves, and its sha256."""

    url: str
    sha256: str


@dataclass(frozen=True)
class Change:
    """A change of a Kubernetes minor that the program depends on: its text, the affected part of the program, and the source."""

    minor: str
    change: str
    where: str
    source: str


_RELEASES: dict[str, dict[str, str]] = {one["version"]: one for one in _VERSIONS["kubernetes"]["releases"]}
DEFAULT: str = _VERSIONS["kubernetes"]["default"]
SUPPORTED = (DEFAULT, *(version for version in _RELEASES if version != DEFAULT))
"""The Kubernetes versions that a stack may set; the first is the default."""
CHANGES = tuple(Change(**one) for one in _VERSIONS["kubernetes"]["changes"])

_GITHUB = "https://github.com"
CONTAINERD_ARCHIVE = Upstream(
    f"{_GITHUB}/containerd/containerd/releases/download/{CONTAINERD}"
    f"/containerd-{CONTAINERD.removeprefix('v')}-linux-amd64.tar.gz",
    _VERSIONS["containerd"]["sha256"],
)
RUNC_BINARY = Upstream(
    f"{_GITHUB}/opencontainers/runc/releases/download/{RUNC}/runc.amd64", _VERSIONS["runc"]["sha256"]
)
ETCD_ARCHIVE = Upstream(
    f"{_GITHUB}/etcd-io/etcd/releases/download/{ETCD}/etcd-{ETCD}-linux-amd64.tar.gz", _VERSIONS["etcd"]["sha256"]
)
CNI_ARCHIVE = Upstream(
    f"{_GITHUB}/containernetworking/plugins/releases/download/{CNI}/cni-plugins-linux-amd64-{CNI}.tgz",
    _VERSIONS["cni"]["sha256"],
)


def image(component: str, version: str) -> str:
    """Return the image of a Kubernetes component."""
    return f"registry.k8s.io/{component}:{version}"


def images_of(version: str) -> tuple[str, ...]:
    """The names of all images of a cluster with this version of Kubernetes."""
    return (PAUSE_IMAGE, COREDNS_IMAGE, *(image(name, version) for name in (*CONTROL_PLANE, KUBE_PROXY)))


def program(name: str, version: str) -> Upstream:
    """Return the kubelet or kubectl of a supported Kubernetes version."""
    return Upstream(f"https://dl.k8s.io/release/{version}/bin/linux/amd64/{name}", _RELEASES[version][name])


_ORIGIN = """## Origin of the checksums

The sha256 of kubelet, kubectl, containerd, runc, etcd and the CNI plugins are those of upstream's files for linux/amd64. They were
copied by hand when their version was added. All of them agree with the list that Kubespray keeps
(`roles/kubespray_defaults/vars/main/checksums.yml`, commit 46dbdd399 of 2026-08-21). The project has not downloaded these files itself:
it is built where only package registries can be reached. Go modules are pinned by `go.sum`, Python packages by `requirements.txt`.

## Images

With `kubernetes.artifacts.source: upstream`, pods name an image by its digest, the one for all architectures, and the registry's tag
means nothing. The digests were read in public records, not in the registry: configuration of others that Renovate updates, and lists of
what runs in their clusters. One is in this table if two records that do not depend on each other agree. `kubernetes.artifacts.imageDigests`
pins the others, and wins over these: see [Pin images by their digest](../how-to/pin-images.md).
"""


def page() -> str:
    """Return the versions and the changes per Kubernetes minor as a Markdown page."""
    pulumi, go = _VERSIONS["pulumi"], _VERSIONS["go"]
    rows = [
        ("Kubernetes", ", ".join(f"{one} (default)" if one == DEFAULT else one for one in SUPPORTED)),
        ("containerd", CONTAINERD),
        ("runc", RUNC),
        ("etcd", ETCD),
        ("CNI plugins", CNI),
        ("CoreDNS", COREDNS),
        ("pause", PAUSE),
        ("Pulumi engine", f"{pulumi['oldest']} or newer; the toolchain builds {pulumi['engine']}"),
        *((f"Pulumi plugin {name}", version) for name, version in pulumi["plugins"].items()),
        ("Go, for builds", f"{go['oldest']} or newer; {go['fetched']} is fetched if there is none"),
    ]
    images = [
        (f"`{name}`", f"`{DIGESTS[name]}`" if name in DIGESTS else "none known: pulled by its tag")
        for name in dict.fromkeys(name for version in SUPPORTED for name in images_of(version))
    ]
    changes = [(one.minor, one.change, one.where, one.source) for one in CHANGES]
    return (
        "# Versions\n\nGenerated from versions.toml by `python -m cluster.versions`.\n\n"
        + _table(("Part", "Version"), rows)
        + f"\n{_ORIGIN}\n"
        + _table(("Image", "Digest"), images)
        + "\n## Changes per Kubernetes minor\n\nThe changes that this program depends on.\n\n"
        + _table(("Minor", "Change", "Where in the program", "Source"), changes)
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    print(page(), end="")
