"""Programs that only the tests use, each built into the cache by the test that needs it."""

from __future__ import annotations

import sys
from pathlib import Path

from builder import golang
from builder.cache import cached, digest
from builder.process import run
from builder.versions import VERSIONS
from lab.build import build_image, build_part
from lab.parts import Image, Part, kubernetes_version

MODULES = Path(__file__).parent
_VERSIONS = VERSIONS["tests"]
KUBERNETES = str(_VERSIONS["e2e"]).removeprefix("v")
KUBE_BENCH = str(_VERSIONS["kube-bench"]).removeprefix("v")
IGNITION = str(_VERSIONS["ignition"]).removeprefix("v")
REGISTRY = str(_VERSIONS["registry"]).removeprefix("v")
ACTIONLINT = str(_VERSIONS["actionlint"]).removeprefix("v")
CIS_BENCHMARK: str = _VERSIONS["cis-benchmark"]
_AGNHOST_VERSION: str = _VERSIONS["agnhost"]

_AGNHOST = Part(
    folder="e2e",
    version=KUBERNETES,
    programs={f"e2e/v{KUBERNETES}/agnhost": "k8s.io/kubernetes/test/images/agnhost"},
)
_E2E = Part(
    folder="e2e",
    version=KUBERNETES,
    programs={"e2e.test": "k8s.io/kubernetes/test/e2e"},
    # The program selects images and specs by its own version.
    variables=kubernetes_version(KUBERNETES),
    tests=True,
)
_KUBE_BENCH = Part(
    folder="kubebench", version=KUBE_BENCH, programs={"kube-bench": "github.com/aquasecurity/kube-bench"}
)
_IGNITION = Part(
    folder="ignition",
    version=IGNITION,
    programs={"ignition-validate": "github.com/coreos/ignition/v2/validate"},
)
_ACTIONLINT = Part(
    folder="actionlint",
    version=ACTIONLINT,
    programs={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
)
_REGISTRY = Part(
    folder="registry",
    version=REGISTRY,
    programs={"registry": "github.com/distribution/distribution/v3/cmd/registry"},
)

AGNHOST = Image(
    name=f"registry.k8s.io/e2e-test-images/agnhost:{_AGNHOST_VERSION}",
    path=f"images/agnhost-{_AGNHOST_VERSION}.tar",
    program=f"e2e/v{KUBERNETES}/agnhost",
    entry="agnhost",
    # These come before the applets of busybox with the same names.
    tools=("curl", "dig", "getent", "nc", "wget"),
    shell=True,
    command=("pause",),
    root=True,
)
"""The image of the tests' pods: servers, clients, a shell and network tools."""


def agnhost() -> Path:
    """Return the archive of the image AGNHOST. Raises UserError."""
    go = golang.find()
    return build_image(AGNHOST, [build_part(_AGNHOST, MODULES / "e2e", go)], go) / AGNHOST.path


def e2e_test() -> Path:
    """Return Kubernetes' end-to-end tests as one program; the first build takes minutes. Raises UserError."""
    return build_part(_E2E, MODULES / "e2e", golang.find(), name="conformance") / "e2e.test"


def kube_bench() -> Path:
    """Return a folder with the CIS benchmark's program, `kube-bench`, and its checks, `cfg`. Raises UserError."""
    go = golang.find()
    module = MODULES / "kubebench"
    built = build_part(_KUBE_BENCH, module, go, name="kube-bench")

    def make(into: Path) -> None:
        checks = golang.module_folder(go, module, "github.com/aquasecurity/kube-bench") / "cfg"
        run(["cp", str(built / "kube-bench"), str(into)])
        (into / "cfg").mkdir()
        for name in ("config.yaml", CIS_BENCHMARK):
            run(["cp", "-r", "--no-preserve=mode", str(checks / name), str(into / "cfg")])

    return cached(f"tests/kube-bench-{digest(built.name, CIS_BENCHMARK)}", make)


def ignition_validate() -> Path:
    """Return the CoreOS project's validator of Ignition configurations; builds in seconds. Raises UserError."""
    return build_part(_IGNITION, MODULES / "ignition", golang.find()) / "ignition-validate"


def actionlint() -> Path:
    """Return the check of workflows for GitHub Actions; builds in seconds. Raises UserError."""
    return build_part(_ACTIONLINT, MODULES / "actionlint", golang.find()) / "actionlint"


def registry() -> Path:
    """Return CNCF Distribution, a registry of images; the first build takes a minute. Raises UserError."""
    return build_part(_REGISTRY, MODULES / "registry", golang.find()) / "registry"


def check_jsonschema() -> Path:
    """Return a folder with the Python module `check_jsonschema`, which has GitLab's schema of CI files. Raises UserError."""
    locked = MODULES / "schemas" / "requirements.txt"

    def make(into: Path) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        run([*pip, "--target", str(into), "--requirement", str(locked)])

    python = ".".join(map(str, sys.version_info[:2]))
    return cached(f"tests/check-jsonschema-{digest(locked.read_text(), python)}", make)
