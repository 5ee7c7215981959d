"""The cache keys: they depend on version, sources and machine only."""

from __future__ import annotations

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from toolchain import parts

ROOT = Path(__file__).resolve().parents[3]
HOST = next(part for part in parts.PARTS if part.folder == "languagehost")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    shutil.copytree(parts.SOURCES / HOST.folder, tmp_path / HOST.folder)
    return tmp_path


def test_key_has_the_version_and_does_not_depend_on_the_folder(sources: Path) -> None:
    assert parts.key(HOST).startswith(f"{parts.ENGINE_VERSION}-")
    assert parts.key(HOST, sources) == parts.key(HOST)


@pytest.mark.parametrize("name", ["main.go", "go.mod", "go.sum", "installed.py", "new.go"])
def test_key_depends_on_sources(sources: Path, name: str) -> None:
    with (sources / HOST.folder / name).open("a") as opened:
        opened.write("\n")
    assert parts.key(HOST, sources) != parts.key(HOST)


@pytest.mark.parametrize("name", ["more_test.go", "README.md"])
def test_key_ignores_files_that_are_not_built(sources: Path, name: str) -> None:
    (sources / HOST.folder / name).write_text("package main\n")
    assert parts.key(HOST, sources) == parts.key(HOST)


def test_key_depends_on_version_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = parts.key(HOST)
    assert parts.key(replace(HOST, version=f"{HOST.version}0")).split("-")[1] != here.split("-")[1]
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert parts.key(HOST) != here


@pytest.mark.parametrize("part", parts.PLUGINS, ids=lambda part: str(part.plugin))
def test_plugin_versions_match_the_sdks(part: parts.Part) -> None:
    """The SDK's own plugin version, and the SDK's version in requirements.txt."""
    module = importlib.import_module(f"pulumi_{part.plugin}")
    asked = json.loads((Path(str(module.__file__)).parent / "pulumi-plugin.json").read_text())
    assert asked["version"] == part.version
    assert f"\npulumi-{part.plugin}=={part.version} " in (ROOT / "requirements.txt").read_text()


def test_engine_version_matches_the_sdk() -> None:
    assert f"\npulumi=={parts.ENGINE_VERSION} " in (ROOT / "requirements.txt").read_text()
    for folder in ("engine", "languagehost"):
        assert f" v{parts.ENGINE_VERSION}\n" in (parts.SOURCES / folder / "go.mod").read_text()
