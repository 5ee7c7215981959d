"""The tests of the Go programs, with the compiler and flags of their builds, so that compiled packages are reused."""

from __future__ import annotations

import os
import subprocess

import pytest

from builder import golang
from toolchain import parts


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("folder", ["languagehost", "tls", "libvirt"])
def test_go_module_passes_its_tests(folder: str) -> None:
    done = subprocess.run(
        [golang.find().path, "test", "-trimpath", "./..."],
        cwd=parts.SOURCES / folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "ok " in done.stdout
