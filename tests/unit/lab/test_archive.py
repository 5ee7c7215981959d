"""Container image archives, as containerd's importer reads them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from lab import archive


def _read(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def _program(folder: Path, content: bytes = b"\x7fELF a program") -> Path:
    program = folder / "pause"
    program.write_bytes(content)
    return program


def test_image_manifest_names_configuration_and_layer(tmp_path: Path) -> None:
    files = _read(archive.image({"pause": _program(tmp_path)}, "registry.example/pause:1", "amd64"))
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["registry.example/pause:1"]
    config = json.loads(files[manifest["Config"]])
    assert manifest["Config"] == f"{hashlib.sha256(files[manifest['Config']]).hexdigest()}.json"
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    assert config["config"]["Entrypoint"] == ["/pause"]
    (layer,) = manifest["Layers"]
    assert layer == f"{hashlib.sha256(files[layer]).hexdigest()}.tar.gz"
    unpacked = hashlib.sha256(gzip.decompress(files[layer])).hexdigest()
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{unpacked}"]}


def test_image_layer_contains_only_the_program(tmp_path: Path) -> None:
    files = _read(archive.image({"pause": _program(tmp_path)}, "example/pause:1", "amd64"))
    (manifest,) = json.loads(files["manifest.json"])
    with tarfile.open(fileobj=io.BytesIO(files[manifest["Layers"][0]])) as layer:
        (member,) = layer.getmembers()
        assert (member.name, member.mode, member.uid, member.gid) == ("pause", 0o755, 0, 0)
        assert layer.extractfile(member).read() == b"\x7fELF a program"  # type: ignore[union-attr]


def test_image_is_reproducible(tmp_path: Path) -> None:
    first = archive.image({"pause": _program(tmp_path)}, "example/pause:1", "amd64")
    assert archive.image({"pause": _program(tmp_path)}, "example/pause:1", "amd64") == first
    assert archive.image({"pause": _program(tmp_path, b"another")}, "example/pause:1", "amd64") != first
