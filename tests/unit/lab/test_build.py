"""The cache and the mirror tree, with small files in place of built ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lab import build
from lab.context import Lab, LabError
from lab.parts import IMAGES, PARTS, PAUSE_PATH


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _artifact(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    return folder


def test_a_folder_is_made_once() -> None:
    runs: list[Path] = []

    def make(into: Path) -> None:
        runs.append(into)
        (into / "file").write_text("content")

    first = build.made("kind", "name", "making", make)
    assert build.made("kind", "name", "making", make) == first
    assert len(runs) == 1
    assert (first / "file").read_text() == "content"


def test_what_fails_half_way_is_not_there_and_is_made_anew() -> None:
    def fail(into: Path) -> None:
        (into / "half").write_text("")
        raise LabError("no")

    with pytest.raises(LabError):
        build.made("kind", "name", "making", fail)
    made = build.made("kind", "name", "making", lambda into: (into / "whole").touch())
    assert [file.name for file in made.iterdir()] == ["whole"]


def test_the_mirror_holds_exactly_the_artifacts_with_their_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_the_mirror_follows_an_artifact_of_the_same_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path / "project", "test")
    for number, content in enumerate((b"first", b"other")):
        made = _artifact(tmp_path / str(number), "runc/v1/runc", content)
        monkeypatch.setattr(build, "artifacts", lambda made=made: [made])
        build.mirror(lab)
        assert (lab.mirror / "runc/v1/runc").read_bytes() == content


def test_the_digest_tells_where_one_input_ends() -> None:
    assert build.digest("ab", "c") != build.digest("a", "bc")


def test_no_two_artifacts_share_a_path() -> None:
    paths = [path for part in PARTS for path in part.programs] + [PAUSE_PATH, *(image.path for image in IMAGES)]
    assert len(paths) == len(set(paths))
    assert "kubernetes/v1.36.3/kubelet" in paths
    assert {f"containerd/v2.2.1/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")} <= set(paths)


def test_kubernetes_is_stamped_with_its_version() -> None:
    (kubernetes,) = (part for part in PARTS if part.folder == "kubernetes")
    assert kubernetes.variables["k8s.io/component-base/version.gitVersion"] == "v1.36.3"
