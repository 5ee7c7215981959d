"""A machine for tests: a PATH with chosen programs only, and an empty cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Machine:
    """`programs` is the only folder on PATH, `cache` the build cache."""

    programs: Path
    cache: Path

    def program(self, name: str, script: str) -> Path:
        """Put a shell script on PATH."""
        return executable(self.programs / name, script)


def executable(file: Path, script: str) -> Path:
    """Write a shell script."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path / "programs", tmp_path / "cache")
    made.programs.mkdir()
    monkeypatch.setenv("PATH", str(made.programs))
    monkeypatch.setenv("PLUMBLINE_CACHE", str(made.cache))
    return made
