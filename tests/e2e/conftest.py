"""Checks before all e2e tests: they need root, and no other lab of this name on this machine."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import netns
from lab.context import Lab
from tests.e2e.harness import ROOT, SUITE_LOCK


@pytest.fixture(scope="session", autouse=True)
def alone() -> None:
    """Fail at once, with what to do, if these tests cannot run."""
    if os.geteuid() != 0:
        pytest.fail("these tests start machines: run them as root")
    lab = Lab.of(ROOT)
    if lab.owner.exists():
        _stop_lab_of_killed_suite(Path(lab.owner.read_text().strip()))
    if netns.exists(lab):
        pytest.fail(
            f"a lab named {lab.name} is running on this machine: stop it with `make down` in its project, "
            "or set PLUMBLINE_LAB to another name"
        )


def _stop_lab_of_killed_suite(project: Path) -> None:
    """Stop the lab if a suite started it (a user's lab has no lock file) and has ended (the lock is not held)."""
    if not (project / SUITE_LOCK).exists():
        return
    with (project / SUITE_LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        subprocess.run([sys.executable, "-m", "lab", "down"], cwd=project, check=True)
