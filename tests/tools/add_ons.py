"""Add-ons of others for the end-to-end tests: images that their Go modules build, and manifests that the modules contain."""

from __future__ import annotations

from pathlib import Path

from builder import golang
from builder.versions import VERSIONS
from lab.build import build_image, build_part
from lab.parts import PROTOCOLS, Image, Part
from tests.tools.programs import MODULES

_VERSIONS = VERSIONS["tests"]
METRICS_SERVER = str(_VERSIONS["metrics-server"]).removeprefix("v")
FLANNEL = str(_VERSIONS["flannel"]).removeprefix("v")
LOCAL_PATH = str(_VERSIONS["local-path-provisioner"]).removeprefix("v")
_FLANNEL_MODULE = "github.com/flannel-io/flannel"
_LOCAL_PATH_MODULE = "github.com/rancher/local-path-provisioner"

PARTS = {
    "metrics-server": Part(
        folder="metrics-server",
        version=METRICS_SERVER,
        programs={"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
    ),
    "flannel": Part(
        folder="flannel",
        version=FLANNEL,
        programs={"flanneld": _FLANNEL_MODULE, "install-conf": f"{_FLANNEL_MODULE}/cmd/install_conf"},
        # Its backend udp is in C. Static, as its image has no C library.
        linker="-linkmode external -extldflags -static",
        c=True,
    ),
    "local-path-provisioner": Part(
        folder="local-path-provisioner",
        version=LOCAL_PATH,
        programs={"local-path-provisioner": _LOCAL_PATH_MODULE},
    ),
}

IMAGES = {
    "metrics-server": Image(
        name=f"registry.k8s.io/metrics-server/metrics-server:v{METRICS_SERVER}",
        path=f"images/metrics-server-{METRICS_SERVER}.tar",
        program="metrics-server",
        entry="metrics-server",
    ),
    "flannel": Image(
        name=f"ghcr.io/flannel-io/flannel:v{FLANNEL}",
        path=f"images/flannel-{FLANNEL}.tar",
        program="flanneld",
        entry="opt/bin/flanneld",
        others={"opt/bin/install-conf": "install-conf"},
        files=PROTOCOLS,
        # It removes rules that it made with iptables before, and ends without these programs.
        tools=("nft", "iptables", "ip6tables"),
        root=True,
    ),
    # Its volumes are made by pods with a shell: they use this image, too.
    "local-path-provisioner": Image(
        name=f"docker.io/rancher/local-path-provisioner:v{LOCAL_PATH}",
        path=f"images/local-path-provisioner-{LOCAL_PATH}.tar",
        program="local-path-provisioner",
        entry="usr/bin/local-path-provisioner",
        shell=True,
        root=True,
    ),
}


def archive(name: str) -> Path:
    """Return the archive of an image of IMAGES; the first build takes minutes. Raises UserError."""
    go = golang.find()
    image = IMAGES[name]
    return build_image(image, [build_part(PARTS[name], MODULES / name, go)], go) / image.path


def flannel_manifest() -> str:
    """Return flannel's manifest as its release has it. Raises UserError."""
    return (_folder("flannel", _FLANNEL_MODULE) / "Documentation/kube-flannel.yml").read_text()


def metrics_server_manifests() -> list[str]:
    """Return metrics-server's manifests, which its release joins with labels and arguments. Raises UserError."""
    base = _folder("metrics-server", "sigs.k8s.io/metrics-server") / "manifests/base"
    return [(base / f"{name}.yaml").read_text() for name in ("rbac", "deployment", "service", "apiservice")]


def local_path_manifest() -> str:
    """Return Local Path Provisioner's manifest as its release has it. Raises UserError."""
    return (_folder("local-path-provisioner", _LOCAL_PATH_MODULE) / "deploy/local-path-storage.yaml").read_text()


def _folder(name: str, module: str) -> Path:
    return golang.module_folder(golang.find(), MODULES / name, module)
