"""Real machines need root, and the machine's lab for themselves."""

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
    """Fails at once, with what to do, where these tests cannot run."""
    if os.geteuid() != 0:
        pytest.fail("these tests start machines: run them as root")
    lab = Lab.of(ROOT)
    if lab.owner.exists():
        _end_what_a_killed_suite_left(Path(lab.owner.read_text().strip()))
    if netns.exists(lab):
        pytest.fail(
            f"a lab named {lab.name} is running on this machine: end it with `make down` in the project that started it, "
            "or name another in PLUMBLINE_LAB"
        )


def _end_what_a_killed_suite_left(project: Path) -> None:
    """Only of a suite: a user's lab has no such file, and of a suite that runs, the lock is held."""
    if not (project / SUITE_LOCK).exists():
        return
    with (project / SUITE_LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        subprocess.run([sys.executable, "-m", "lab", "down"], cwd=project, check=True)
