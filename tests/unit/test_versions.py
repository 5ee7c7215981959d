"""versions.toml is the only file with versions; files that repeat one for their tool agree with it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builder.versions import VERSIONS, number
from cluster import versions

ROOT = Path(__file__).resolve().parents[2]
LAB = "lab/artifacts"
TOOLS = "tests/tools"
KUBERNETES = VERSIONS["kubernetes"]["default"]
E2E = VERSIONS["tests"]["e2e"]
ENGINE = f"v{VERSIONS['pulumi']['engine']}"

MODULES = [
    (f"{LAB}/kubernetes", "k8s.io/kubernetes", KUBERNETES),
    ("bench/up/kubeadm", "k8s.io/kubernetes", KUBERNETES),
    (f"{LAB}/containerd", "github.com/containerd/containerd/v2", VERSIONS["containerd"]["version"]),
    (f"{LAB}/runc", "github.com/opencontainers/runc", VERSIONS["runc"]["version"]),
    (f"{LAB}/etcd", "go.etcd.io/etcd/server/v3", VERSIONS["etcd"]["version"]),
    (f"{LAB}/etcd", "go.etcd.io/etcd/etcdctl/v3", VERSIONS["etcd"]["version"]),
    (f"{LAB}/etcd", "go.etcd.io/etcd/etcdutl/v3", VERSIONS["etcd"]["version"]),
    (f"{LAB}/cni", "github.com/containernetworking/plugins", VERSIONS["cni"]["version"]),
    (f"{LAB}/coredns", "github.com/coredns/coredns", VERSIONS["coredns"]["version"]),
    (f"{TOOLS}/e2e", "k8s.io/kubernetes", E2E),
    (f"{TOOLS}/kubebench", "github.com/aquasecurity/kube-bench", VERSIONS["tests"]["kube-bench"]),
    (f"{TOOLS}/actionlint", "github.com/rhysd/actionlint", VERSIONS["tests"]["actionlint"]),
    (f"{TOOLS}/registry", "github.com/distribution/distribution/v3", VERSIONS["tests"]["registry"]),
    (f"{TOOLS}/metrics-server", "sigs.k8s.io/metrics-server", VERSIONS["tests"]["metrics-server"]),
    (f"{TOOLS}/flannel", "github.com/flannel-io/flannel", VERSIONS["tests"]["flannel"]),
    (
        f"{TOOLS}/local-path-provisioner",
        "github.com/rancher/local-path-provisioner",
        VERSIONS["tests"]["local-path-provisioner"],
    ),
    (f"{TOOLS}/ignition", "github.com/coreos/ignition/v2", VERSIONS["tests"]["ignition"]),
    ("toolchain/engine", "github.com/pulumi/pulumi/pkg/v3", ENGINE),
    ("toolchain/languagehost", "github.com/pulumi/pulumi/sdk/v3", ENGINE),
]


def required(folder: str) -> dict[str, str]:
    """Return the versions that a go.mod requires, by module."""
    return dict(re.findall(r"^(?:require )?\t?(\S+) (v\S+)", (ROOT / folder / "go.mod").read_text(), re.MULTILINE))


@pytest.mark.parametrize(("folder", "module", "version"), MODULES)
def test_go_mod_requires_the_version(folder: str, module: str, version: str) -> None:
    assert required(folder)[module] == version


STAGING = [(f"{LAB}/kubernetes", KUBERNETES), ("bench/up/kubeadm", KUBERNETES), (f"{TOOLS}/e2e", E2E)]


@pytest.mark.parametrize(("folder", "version"), STAGING)
def test_go_mod_replaces_staging_modules_with_the_same_release(folder: str, version: str) -> None:
    replaced = re.findall(r"^\t?(?:replace )?(k8s\.io/\S+) => \S+ (v\S+)", (ROOT / folder / "go.mod").read_text(), re.M)
    assert len(replaced) > 20
    assert {release for _, release in replaced} == {f"v0.{version.partition('.')[2]}"}


@pytest.mark.parametrize("file", sorted(ROOT.glob("*/**/go.mod")), ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_go_mod_builds_with_the_oldest_go(file: Path) -> None:
    [needed] = re.findall(r"^go (\S+)", file.read_text(), re.MULTILINE)
    assert number(needed) <= number(VERSIONS["go"]["oldest"])


def test_schema_validator_is_the_version() -> None:
    [line] = (ROOT / TOOLS / "schemas/requirements.in").read_text().splitlines()[1:]
    assert line == f"check-jsonschema=={VERSIONS['tests']['check-jsonschema']}"
    assert f"\n{line} " in (ROOT / TOOLS / "schemas/requirements.txt").read_text()


def test_kubernetes_default_is_a_supported_release() -> None:
    assert versions.SUPPORTED[0] == versions.DEFAULT == KUBERNETES
    assert set(versions.SUPPORTED) == {one["version"] for one in VERSIONS["kubernetes"]["releases"]}
    for version in versions.SUPPORTED:
        for name in ("kubelet", "kubectl"):
            assert re.fullmatch(r"[0-9a-f]{64}", versions.program(name, version).sha256)
            assert f"/{version}/" in versions.program(name, version).url


def test_end_to_end_tests_have_the_minor_of_the_default() -> None:
    assert number(E2E)[:2] == number(KUBERNETES)[:2]


def test_upstream_urls_have_the_versions() -> None:
    assert versions.CONTAINERD_ARCHIVE.url.endswith(
        f"/{versions.CONTAINERD}/containerd-{versions.CONTAINERD.removeprefix('v')}-linux-amd64.tar.gz"
    )
    for upstream, version in (
        (versions.RUNC_BINARY, versions.RUNC),
        (versions.ETCD_ARCHIVE, versions.ETCD),
        (versions.CNI_ARCHIVE, versions.CNI),
    ):
        assert f"/{version}/" in upstream.url
        assert re.fullmatch(r"[0-9a-f]{64}", upstream.sha256)


def test_page_lists_versions_and_changes() -> None:
    page = versions.page()
    assert f"| Kubernetes | {versions.DEFAULT} (default), " in page
    for change in versions.CHANGES:
        assert f"| {change.minor} | {change.change} | {change.where} | {change.source} |\n" in page
    columns = {line.count(" | ") for line in page.splitlines() if line.startswith("| 1.")}
    assert columns == {3}


READERS = (
    *(
        "builder",
        "ci",
        "cluster",
        "components",
        "lab",
        "nodestate",
        "provider",
        "report",
        "status",
        "templates",
        "tests",
        "toolchain",
    ),
    *("__main__.py", "Makefile", ".ci"),
)
GOLDEN = "tests/golden/"
"""Golden files are rendered from versions.toml. Other tests check go.mod and the data of Go tests; recorded events tell of the past."""


def spelled(content: Any) -> set[str]:
    """Return the full versions in the data of versions.toml, without a leading v."""
    if isinstance(content, dict):
        return {found for value in content.values() for found in spelled(value)}
    if isinstance(content, list):
        return {found for value in content for found in spelled(value)}
    return {content.removeprefix("v")} if re.fullmatch(r"v?\d+\.\d+\.\d+", content) else set()


def test_no_other_file_spells_a_version() -> None:
    found = spelled({key: value for key, value in VERSIONS.items() if key != "tests"} | {"e2e": E2E})
    assert len(found) > 12
    pattern = re.compile(rf"(?<![\d.])v?(?:{'|'.join(map(re.escape, sorted(found)))})(?![\d.]*\d)")
    listed = subprocess.run(
        ["git", "ls-files", "--", *READERS], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    lines = [
        f"{name}:{index}: {line.strip()}"
        for name in listed.splitlines()
        if (name.endswith(".py") or not name.startswith(GOLDEN))
        and not name.endswith((".sum", ".mod", ".json", ".jsonl", ".xz"))
        and (ROOT / name).exists()
        for index, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not lines, "\n".join(lines)


def test_captured_runs_show_the_default() -> None:
    """A new default needs a new capture: the end-to-end tests compare the blocks with the real output."""
    minor = re.escape(KUBERNETES.rpartition(".")[0])
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        (page.name, version)
        for page in pages
        for block in re.findall(r"<!-- captured: .*?<!-- end: ", page.read_text(), re.DOTALL)
        for version in re.findall(rf"{minor}\.\d+", block)
    }
    assert {version for _, version in shown} == {KUBERNETES}, sorted(shown)


def test_stacks_do_not_spell_the_kubernetes_version() -> None:
    """They get the default."""
    stacks = sorted(ROOT.glob("Pulumi.*.yaml"))
    assert len(stacks) > 2
    for stack in stacks:
        assert not re.search(r"^\s+version:", stack.read_text(), re.MULTILINE), stack.name
