"""The programs and images that the lab builds for its mirror. Each part is a Go module that pins its version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from builder.versions import VERSIONS


def _version(part: str) -> str:
    return str(VERSIONS[part]["version"]).removeprefix("v")


KUBERNETES = str(VERSIONS["kubernetes"]["default"]).removeprefix("v")
CONTAINERD = _version("containerd")
RUNC = _version("runc")
ETCD = _version("etcd")
CNI = _version("cni")
COREDNS = _version("coredns")
PAUSE = _version("pause")


@dataclass(frozen=True)
class Part:
    """The programs of one Go module.

    `programs` maps the path in the mirror to the Go package. `variables` are set by the linker, `linker` are further
    flags for it. `c` is true if the build needs a C compiler, `tests` if the program is the package's tests.
    """

    folder: str
    version: str
    programs: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""
    linker: str = ""
    c: bool = False
    tests: bool = False


def kubernetes_version(version: str) -> dict[str, str]:
    """Return the linker variables that set a Kubernetes program's version; without them it reports v0.0.0."""
    major, minor, _ = version.split(".")
    stamp = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{package}.{name}": value for package in packages for name, value in stamp.items()}


def _kubernetes(*names: str) -> Part:
    return Part(
        folder="kubernetes",
        version=KUBERNETES,
        programs={f"kubernetes/v{KUBERNETES}/{name}": f"k8s.io/kubernetes/cmd/{name}" for name in names},
        variables=kubernetes_version(KUBERNETES),
    )


CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_CONTAINERD_MODULE = "github.com/containerd/containerd/v2"

_CNI_PLUGINS = {"bridge": "main", "ptp": "main", "loopback": "main", "host-local": "ipam", "portmap": "meta"}

PARTS = (
    _kubernetes("kubelet", "kubectl", *CONTROL_PLANE, "kube-proxy"),
    Part(
        folder="containerd",
        version=CONTAINERD,
        programs={
            f"containerd/v{CONTAINERD}/{name}": f"{_CONTAINERD_MODULE}/cmd/{name}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        },
        variables={f"{_CONTAINERD_MODULE}/version.Version": CONTAINERD},
        # The tags of upstream's static build, and no snapshotters that need C libraries.
        tags="netgo osusergo static_build no_btrfs no_devmapper no_zfs",
    ),
    Part(
        folder="runc",
        version=RUNC,
        programs={f"runc/v{RUNC}/runc": "github.com/opencontainers/runc"},
        tags="seccomp netgo osusergo urfave_cli_no_docs",
        # Static, so that it does not depend on the node's C library.
        linker="-linkmode external -extldflags -static",
        c=True,
    ),
    Part(
        folder="etcd",
        version=ETCD,
        programs={
            f"etcd/v{ETCD}/etcd": "go.etcd.io/etcd/server/v3",
            f"etcd/v{ETCD}/etcdctl": "go.etcd.io/etcd/etcdctl/v3",
            f"etcd/v{ETCD}/etcdutl": "go.etcd.io/etcd/etcdutl/v3",
        },
    ),
    Part(
        folder="cni",
        version=CNI,
        programs={
            f"cni/v{CNI}/{name}": f"github.com/containernetworking/plugins/plugins/{kind}/{name}"
            for name, kind in _CNI_PLUGINS.items()
        },
        variables={"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion": f"v{CNI}"},
    ),
    Part(folder="coredns", version=COREDNS, programs={f"coredns/v{COREDNS}/coredns": "."}),
)

PAUSE_IMAGE = f"registry.k8s.io/pause:{PAUSE}"
PAUSE_PATH = f"images/pause-{PAUSE}.tar"


@dataclass(frozen=True)
class Image:
    """A container image of one program of a part.

    `path` is the image's path in the mirror, `program` the program's; `entry` is the program's path in the image.
    `others` are further programs of the part, by their paths in the image, `files` are files of lab/artifacts. `tools`
    are programs of this machine that are added with their libraries. `shell` adds busybox and its applets. `command` are
    the arguments if a pod sets none. The image's user is root if `root` is true, else nobody.
    """

    name: str
    path: str
    program: str
    entry: str
    others: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    shell: bool = False
    command: tuple[str, ...] = ()
    root: bool = False


PROTOCOLS = {"etc/protocols": "protocols"}
"""For images with `nft`: without it nft prints protocols as numbers, and a kube-proxy that restarts takes the services of the
one before for foreign ones: it deletes them, and does not add its own, which it believes to be there."""


def _image_of(name: str, *tools: str, files: Mapping[str, str] | None = None) -> Image:
    return Image(
        name=f"registry.k8s.io/{name}:v{KUBERNETES}",
        path=f"images/{name}-v{KUBERNETES}.tar",
        program=f"kubernetes/v{KUBERNETES}/{name}",
        entry=f"usr/local/bin/{name}",
        files=files or {},
        tools=tools,
    )


IMAGES = (
    *(_image_of(name) for name in CONTROL_PLANE),
    _image_of("kube-proxy", "nft", files=PROTOCOLS),
    Image(
        name=f"registry.k8s.io/coredns/coredns:v{COREDNS}",
        path=f"images/coredns-v{COREDNS}.tar",
        program=f"coredns/v{COREDNS}/coredns",
        entry="coredns",
    ),
)
