"""The mirror's files, with small files in place of built programs, and the list of parts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from builder.errors import UserError
from builder.golang import Go
from lab import build
from lab.context import Lab
from lab.parts import CONTAINERD, IMAGES, KUBERNETES, PARTS, PAUSE_PATH, Part
from tests.tools import programs


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _artifact(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    return folder


def test_mirror_contains_exactly_the_artifacts_and_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = _artifact(tmp_path / "one", "kubernetes/v1/kubelet", b"kubelet")
    two = _artifact(tmp_path / "two", "images/pause.tar", b"pause")
    monkeypatch.setattr(build, "artifacts", lambda: [one, two])
    lab = Lab(tmp_path / "project", "test")
    stale = lab.mirror / "kubernetes/v0/kubelet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    build.mirror(lab)
    listed = {}
    for line in (lab.mirror / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        listed[name] = digest
        assert hashlib.sha256((lab.mirror / name).read_bytes()).hexdigest() == digest
    assert set(listed) == {"kubernetes/v1/kubelet", "images/pause.tar"}
    assert not stale.exists()


def test_mirror_updates_an_artifact_of_the_same_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path / "project", "test")
    for number, content in enumerate((b"first", b"other")):
        made = _artifact(tmp_path / str(number), "runc/v1/runc", content)
        monkeypatch.setattr(build, "artifacts", lambda made=made: [made])
        build.mirror(lab)
        assert (lab.mirror / "runc/v1/runc").read_bytes() == content


def test_artifact_paths_are_unique_and_versioned() -> None:
    paths = [path for part in PARTS for path in part.programs] + [PAUSE_PATH, *(image.path for image in IMAGES)]
    assert len(paths) == len(set(paths))
    assert f"kubernetes/v{KUBERNETES}/kubelet" in paths
    assert {f"containerd/v{CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")} <= set(
        paths
    )


def test_kubernetes_programs_report_their_version() -> None:
    (kubernetes,) = (part for part in PARTS if part.folder == "kubernetes")
    assert kubernetes.variables["k8s.io/component-base/version.gitVersion"] == f"v{KUBERNETES}"


def test_mirror_has_no_programs_of_the_tests() -> None:
    """`make up` does not build them."""
    names = {Path(path).name for part in PARTS for path in part.programs} | {image.name for image in IMAGES}
    assert names.isdisjoint({"agnhost", programs.AGNHOST.name, "e2e.test", "kube-bench", "ignition-validate"})


def test_build_part_is_cached_by_sources_and_compiler(tmp_path: Path) -> None:
    compiler = tmp_path / "go"
    compiler.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho "built $3" >"$2"\n')
    compiler.chmod(0o755)
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module example\n")
    part = Part(folder="module", version="1", programs={"example/v1/program": "example.org/program"})
    go = Go(str(compiler), "go1.0.0", "amd64")
    built = build.build_part(part, module, go)
    assert (built / "example/v1/program").read_text() == "built example.org/program\n"
    digest = hashlib.sha256(b"built example.org/program\n").hexdigest()
    assert (built / "SHA256SUMS").read_text() == f"{digest}  example/v1/program\n"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    assert build.build_part(part, module, go) == built
    for other in (replace(go, version="go1.0.1"), replace(go, architecture="arm64")):
        with pytest.raises(UserError, match="building program 1 failed"):
            build.build_part(part, module, other)
    (module / "go.mod").write_text("module changed\n")
    with pytest.raises(UserError, match="building program 1 failed"):
        build.build_part(part, module, go)
