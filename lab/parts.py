"""What the lab builds for its mirror, each part pinned to one version by a Go module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

KUBERNETES = "1.36.3"
CONTAINERD = "2.2.1"
RUNC = "1.3.4"
ETCD = "3.6.8"
CNI = "1.9.1"
COREDNS = "1.14.2"
AGNHOST = "2.63.0"
KUBE_BENCH = "0.12.0"
PAUSE = "3.10.1"


@dataclass(frozen=True)
class Part:
    """The programs of one folder below lab/artifacts, built together.

    `programs` gives the Go package of each path in the mirror tree. `variables` are what the linker sets. `c` is true
    where the build takes a C compiler, `tests` where the package's tests are the program.
    """

    folder: str
    version: str
    programs: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""
    linker: str = ""
    c: bool = False
    tests: bool = False


def _kubernetes(*names: str) -> Part:
    """Kubernetes reports the version that its build stamps into two packages, else v0.0.0."""
    major, minor, _ = KUBERNETES.split(".")
    stamp = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return Part(
        folder="kubernetes",
        version=KUBERNETES,
        programs={f"kubernetes/v{KUBERNETES}/{name}": f"k8s.io/kubernetes/cmd/{name}" for name in names},
        variables={f"{package}.{name}": value for package in packages for name, value in stamp.items()},
    )


CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_CONTAINERD_MODULE = "github.com/containerd/containerd/v2"

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
        # What upstream's static build leaves out, and the snapshotters that take C libraries.
        tags="netgo osusergo static_build no_btrfs no_devmapper no_zfs",
    ),
    Part(
        folder="runc",
        version=RUNC,
        programs={f"runc/v{RUNC}/runc": "github.com/opencontainers/runc"},
        tags="seccomp netgo osusergo urfave_cli_no_docs",
        # One file that runs on any node, whatever C library that has.
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
            for name, kind in {"ptp": "main", "loopback": "main", "host-local": "ipam", "portmap": "meta"}.items()
        },
        variables={"github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion": f"v{CNI}"},
    ),
    Part(folder="coredns", version=COREDNS, programs={f"coredns/v{COREDNS}/coredns": "."}),
    Part(
        folder="e2e",
        version=KUBERNETES,
        programs={f"e2e/v{KUBERNETES}/agnhost": "k8s.io/kubernetes/test/images/agnhost"},
    ),
)
CONFORMANCE = Part(
    folder="e2e",
    version=KUBERNETES,
    programs={"e2e.test": "k8s.io/kubernetes/test/e2e"},
    # As `_kubernetes` stamps them: it picks its images and specs by its own version.
    variables=PARTS[0].variables,
    tests=True,
)
"""Kubernetes' own end-to-end tests, built where they are asked for: in minutes."""

CIS_BENCHMARK = "cis-1.10"
CIS = Part(
    folder="kubebench",
    version=KUBE_BENCH,
    programs={"kube-bench": "github.com/aquasecurity/kube-bench"},
)
"""What holds a node against the CIS Kubernetes Benchmark, built where it is asked for."""

PAUSE_IMAGE = f"registry.k8s.io/pause:{PAUSE}"
PAUSE_PATH = f"images/pause-{PAUSE}.tar"


@dataclass(frozen=True)
class Image:
    """A container image of one program of a part: `program` is its path in the mirror tree, `entry` where it stands in
    the image. `tools` are programs of this machine that it runs, taken along with their libraries; `shell`: busybox and
    its applets, too. `command` are its arguments where a pod gives none; `root`: it runs as root, unless a pod says
    otherwise."""

    name: str
    path: str
    program: str
    entry: str
    tools: tuple[str, ...] = ()
    shell: bool = False
    command: tuple[str, ...] = ()
    root: bool = False


def _image_of(name: str, *tools: str) -> Image:
    return Image(
        name=f"registry.k8s.io/{name}:v{KUBERNETES}",
        path=f"images/{name}-v{KUBERNETES}.tar",
        program=f"kubernetes/v{KUBERNETES}/{name}",
        entry=f"usr/local/bin/{name}",
        tools=tools,
    )


IMAGES = (
    *(_image_of(name) for name in CONTROL_PLANE),
    _image_of("kube-proxy", "nft"),
    Image(
        name=f"registry.k8s.io/coredns/coredns:v{COREDNS}",
        path=f"images/coredns-v{COREDNS}.tar",
        program=f"coredns/v{COREDNS}/coredns",
        entry="coredns",
    ),
    # What pods of tests run: servers and clients of every kind, and tools to look around with.
    Image(
        name=f"registry.k8s.io/e2e-test-images/agnhost:{AGNHOST}",
        path=f"images/agnhost-{AGNHOST}.tar",
        program=f"e2e/v{KUBERNETES}/agnhost",
        entry="agnhost",
        # Before busybox' applets of the same names.
        tools=("curl", "dig", "getent", "nc", "wget"),
        shell=True,
        command=("pause",),
        root=True,
    ),
)
