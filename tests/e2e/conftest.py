"""Real machines need root, and the machine's lab for themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def alone() -> None:
    """Fails at once, with what to do, where these tests cannot run."""
    if os.geteuid() != 0:
        pytest.fail("these tests start machines: run them as root")
    name = os.environ.get("PLUMBLINE_LAB", "plumbline")
    if Path("/run/netns", name).exists():
        pytest.fail(
            f"a lab named {name} is running on this machine: end it with `make down` in the project that started it, or "
            "name another in PLUMBLINE_LAB"
        )
