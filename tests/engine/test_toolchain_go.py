"""The Go programs' own tests, with the compiler and flags that they are built with: what is compiled for both is shared."""

from __future__ import annotations

import os
import subprocess

import pytest

from toolchain import golang, parts


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("folder", ["languagehost", "tls", "libvirt"])
def test_module(folder: str) -> None:
    done = subprocess.run(
        [golang.compiler(), "test", "-trimpath", "./..."],
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
