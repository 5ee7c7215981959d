"""Every version in one place, with the sha256 of what upstream serves for it (linux, amd64)."""

from __future__ import annotations

from dataclasses import dataclass

CONTAINERD = "v2.2.1"
RUNC = "v1.3.4"
ETCD = "v3.6.8"
CNI = "v1.9.1"
COREDNS = "v1.14.2"
PAUSE = "3.10.1"
PAUSE_IMAGE = f"registry.k8s.io/pause:{PAUSE}"
COREDNS_IMAGE = f"registry.k8s.io/coredns/coredns:{COREDNS}"
CNI_PLUGINS = ("host-local", "loopback", "portmap", "ptp")
KUBE_PROXY = "kube-proxy"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Upstream:
    """One upstream file: where it is and its sha256."""

    url: str
    sha256: str


KUBELET = {
    "v1.36.4": "cf2562db46c48ab84cc3791540778ee7fb1a0a008529adbb434723dd02ed8b4b",
    "v1.36.3": "46707a53209f826ad0f0d62371ac69cd00e78fd9a8176cf5f6f87f18f7f8b718",
    "v1.36.1": "7efa1780c73d9fb3a464002864e582eb2d15aa691e475eaae323093d08feae14",
}
KUBECTL = {
    "v1.36.4": "8b8f088da2dab964f853b38464033b1be15ede2839eca751482357c45abdd05a",
    "v1.36.3": "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336",
    "v1.36.1": "629d3f410e09bf49b64ae7079f7f0bda1191efed311f7d37fdbab0ad5b0ec2b7",
}
SUPPORTED = ("v1.36.3", "v1.36.4", "v1.36.1")
"""The Kubernetes versions a stack may ask for; the first is the default."""

CONTAINERD_ARCHIVE = Upstream(
    f"https://github.com/containerd/containerd/releases/download/{CONTAINERD}/containerd-2.2.1-linux-amd64.tar.gz",
    "f5d8e90ecb6c1c7e33ecddf8cc268a93b9e5b54e0e850320d765511d76624f41",
)
RUNC_BINARY = Upstream(
    f"https://github.com/opencontainers/runc/releases/download/{RUNC}/runc.amd64",
    "5966ca40b6187b30e33bfc299c5f1fe72e8c1aa01cf3fefdadf391668f47f103",
)
ETCD_ARCHIVE = Upstream(
    f"https://github.com/etcd-io/etcd/releases/download/{ETCD}/etcd-{ETCD}-linux-amd64.tar.gz",
    "cf9cfe91a4856cb90eed9c99e6aee4b708db2c7888b88a6f116281f04b0ea693",
)

CNI_ARCHIVE = Upstream(
    f"https://github.com/containernetworking/plugins/releases/download/{CNI}/cni-plugins-linux-amd64-{CNI}.tgz",
    "b98f74a0f8522f0a83867178729c1aa70f2158f90c45a2ca8fa791db1c76b303",
)


def image(component: str, version: str) -> str:
    """The image of one of Kubernetes' own components."""
    return f"registry.k8s.io/{component}:{version}"


def program(name: str, version: str) -> Upstream:
    """The kubelet or kubectl of a supported version."""
    sums = {"kubelet": KUBELET, "kubectl": KUBECTL}[name]
    return Upstream(f"https://dl.k8s.io/release/{version}/bin/linux/amd64/{name}", sums[version])
