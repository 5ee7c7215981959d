"""The provider's process: what it loads, what it starts, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = "import sys, provider.server; print(*sys.modules, sep='\\n')"


def test_provider_loads_the_resources_libraries_with_the_first_operation() -> None:
    """The engine starts a second process in each run with a refresh, and uses it for its configuration only."""
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "provider.plumbline" in loaded
    assert not {"asyncssh", "httpx2", "provider.resources"} & {*loaded}


STARTED = """
import sys
sys.addaudithook(lambda event, about: print(about[0]) if event == "subprocess.Popen" else None)
from provider.plumbline import PlumblineProvider
PlumblineProvider(None)._resources
"""


def test_loading_the_libraries_runs_no_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", STARTED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} <= {"/sbin/ldconfig", "ld"}, "the linker's name alone is on no path"


def test_provider_ends_at_once_and_silently_when_the_engine_wants_no_more() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "provider", "127.0.0.1:9"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0, "it serves"
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
    assert (process.returncode, printed, errors) == (0, "", "")
