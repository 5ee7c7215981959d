"""A short run of the forecast check (tests/forecast), without Kubernetes; and that it finds a fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.forecast.hosts import ROOT

MAKERS = (
    *("configuration", "unit_text", "shape", "more_files", "more_units", "version", "anticipated"),
    *("edit", "delete", "symlink", "stop", "disable", "runtime", "probe", "crash_loop", "stale", "own_drop_in"),
)


def forecast_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the check on hosts with small services only."""
    command = [sys.executable, "-m", "tests.forecast", "--services", "--only", *MAKERS, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


def test_forecast_equals_update() -> None:
    done = forecast_check("--count", "12", "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("forecast = deed: 12/12\n")


@pytest.mark.parametrize("fault", ["restart", "row"])
def test_planted_fault_is_found(fault: str) -> None:
    done = forecast_check("--count", "4", "--seed", "8", "--plant", fault)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "DIFFERENCE" in done.stdout
    assert "forecast = deed: 4/4" not in done.stdout
