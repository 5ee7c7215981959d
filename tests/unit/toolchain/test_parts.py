"""The cache's keys: another version or source is another build, and nothing else is."""

from __future__ import annotations

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


def test_a_key_tells_the_version_and_is_the_same_anywhere(sources: Path) -> None:
    assert parts.key(HOST).startswith(f"{parts.ENGINE_VERSION}-")
    assert parts.key(HOST, sources) == parts.key(HOST)


@pytest.mark.parametrize("name", ["main.go", "go.mod", "go.sum", "installed.py", "new.go"])
def test_another_source_is_another_key(sources: Path, name: str) -> None:
    with (sources / HOST.folder / name).open("a") as opened:
        opened.write("\n")
    assert parts.key(HOST, sources) != parts.key(HOST)


@pytest.mark.parametrize("name", ["more_test.go", "README.md"])
def test_a_file_that_is_not_built_does_not_count(sources: Path, name: str) -> None:
    (sources / HOST.folder / name).write_text("package main\n")
    assert parts.key(HOST, sources) == parts.key(HOST)


def test_another_version_or_machine_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    here = parts.key(HOST)
    assert parts.key(replace(HOST, version="v3.257.0")).split("-")[1] != here.split("-")[1]
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert parts.key(HOST) != here


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("PLUMBLINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert parts.cache() == Path("/home/someone/.cache/plumbline")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/someone")
    assert parts.cache() == Path("/var/cache/someone/plumbline")
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path))
    assert parts.cache() == tmp_path


@pytest.mark.parametrize("part", parts.PLUGINS, ids=lambda part: str(part.plugin))
def test_plugins_have_the_version_that_the_sdk_asks_for(part: parts.Part) -> None:
    """The SDK's own word, and what requirements.txt pins."""
    import importlib

    module = importlib.import_module(f"pulumi_{part.plugin}")
    asked = json.loads((Path(str(module.__file__)).parent / "pulumi-plugin.json").read_text())
    assert asked["version"] == part.version
    assert f"\npulumi-{part.plugin}=={part.version} " in (ROOT / "requirements.txt").read_text()


def test_the_engine_is_of_the_sdks_version() -> None:
    assert f"\npulumi=={parts.ENGINE_VERSION} " in (ROOT / "requirements.txt").read_text()
    for folder in ("engine", "languagehost"):
        assert f" v{parts.ENGINE_VERSION}\n" in (parts.SOURCES / folder / "go.mod").read_text()
