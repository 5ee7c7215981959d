"""A machine for tests: nothing on PATH, an empty home and cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolchain import found, parts
from toolchain.environment import DEFAULTS


@dataclass(frozen=True)
class Machine:
    """`programs` is the only folder on PATH; the user's Pulumi is in `home`/.pulumi, builds are in `cache`."""

    programs: Path
    home: Path
    cache: Path
    project: Path

    def program(self, name: str, script: str) -> Path:
        """Put a shell script on PATH."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def pulumi(self, version: str = f"v{parts.ENGINE_VERSION}", language_host: bool = True, plugins: int = 3) -> Path:
        """Put a Pulumi on PATH that prints this version, with this number of plugins installed."""
        if language_host:
            self.program("pulumi-language-python", "exit 1")
        for part in parts.PLUGINS[:plugins]:
            (self.home / f".pulumi/plugins/resource-{part.plugin}-v{part.version}").mkdir(parents=True)
        return self.program("pulumi", f'[ "$1" = version ] && echo {version}')

    def built(self) -> Path:
        """Create the toolchain's built set."""
        (parts.home() / "bin").mkdir(parents=True)
        (parts.home() / "complete").touch()
        return parts.home()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(*(tmp_path / name for name in ("programs", "home", "cache", "project")))
    for folder in (made.programs, made.home, made.project):
        folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PULUMI_") or name in DEFAULTS]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(made.programs))
    monkeypatch.setenv("PULUMI_HOME", str(made.home / ".pulumi"))
    monkeypatch.setenv("PLUMBLINE_CACHE", str(made.cache))
    found.engine.cache_clear()
    yield made
    found.engine.cache_clear()
