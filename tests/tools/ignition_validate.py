"""Checks Ignition configurations with the CoreOS project's own validator, built once from its pinned Go module."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab.build import digest, made
from lab.context import SOURCES, LabError

MODULE = SOURCES / "ignition"
PACKAGE = "github.com/coreos/ignition/v2/validate"


def validate(text: str) -> None:
    """Passes a configuration that Ignition takes whole. Raises LabError with the validator's report.

    A warning is refused too: Ignition skips a key that it does not know, and a misspelled setting would be lost.
    """
    done = subprocess.run([str(validator()), "-"], input=text, capture_output=True, text=True, check=False)
    report = "\n".join(part for part in (done.stdout.strip(), done.stderr.strip()) if part)
    if done.returncode != 0 or report:
        raise LabError(f"Ignition does not take this configuration:\n{report or 'the validator gives no reason'}")


def validator() -> Path:
    """The program ignition-validate; builds it into the cache where it is missing (seconds). Raises LabError."""
    sources = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum")]
    return made("ignition", digest(*sources), "building ignition-validate", _build) / "ignition-validate"


def _build(into: Path) -> None:
    if shutil.which("go") is None:
        raise LabError("building ignition-validate takes `go` on PATH: install Go 1.26 or newer")
    done = subprocess.run(
        [
            "go",
            "build",
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            "-o",
            str(into / "ignition-validate"),
            PACKAGE,
        ],
        cwd=MODULE,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"building ignition-validate failed:\n{done.stderr.strip()[-3000:]}")
