"""A machine of the test's own: nothing on PATH, an empty home and cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolchain import found, parts


@dataclass(frozen=True)
class Machine:
    """What the toolchain finds: programs in `programs`, the user's Pulumi in `home`/.pulumi, builds in `cache`."""

    programs: Path
    home: Path
    cache: Path
    project: Path

    def program(self, name: str, script: str) -> Path:
        """Puts a shell script on PATH."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def pulumi(self, version: str = "v3.260.0", language_host: bool = True, plugins: int = 3) -> Path:
        """Puts a Pulumi on PATH that tells this version, with the first so many plugins installed."""
        if language_host:
            self.program("pulumi-language-python", "exit 1")
        for part in parts.PLUGINS[:plugins]:
            (self.home / f".pulumi/plugins/resource-{part.plugin}-v{part.version}").mkdir(parents=True)
        return self.program("pulumi", f'[ "$1" = version ] && echo {version}')

    def built(self) -> Path:
        """Lets the toolchain's own set be there."""
        (parts.home() / "bin").mkdir(parents=True)
        (parts.home() / "complete").touch()
        return parts.home()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(*(tmp_path / name for name in ("programs", "home", "cache", "project")))
    for folder in (made.programs, made.home, made.project):
        folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(made.programs))
    monkeypatch.setenv("PULUMI_HOME", str(made.home / ".pulumi"))
    monkeypatch.setenv("PLUMBLINE_CACHE", str(made.cache))
    found.engine.cache_clear()
    yield made
    found.engine.cache_clear()
