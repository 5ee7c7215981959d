"""Fixtures for tests with a real engine, which `make tools` found or built."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import toolchain
from tests.engine.project import Project


@pytest.fixture(scope="session", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fail at once, with what to do, if there is no engine."""
    path = toolchain.environment(tmp_path_factory.mktemp("found")).get("PATH")
    if shutil.which("pulumi", path=path) is None:
        pytest.fail("there is no Pulumi engine yet: run `make tools`")


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """Return a function that creates the test's project."""
    return lambda program, **more: Project(tmp_path / "trial", program, **more)
