"""The libraries that the provider loads before its first operation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = "import sys, provider.__main__; print(*sys.modules, sep='\\n')"


def test_provider_loads_the_resources_libraries_with_the_first_operation() -> None:
    """The engine starts a second process in each run with a refresh, and uses it for its configuration only."""
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "provider.plumbline" in loaded
    assert not {"asyncssh", "httpx2", "provider.resources"} & {*loaded}
