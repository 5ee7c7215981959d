"""Builds the parts into the cache: each once per version and sources, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain import found, parts


class ToolchainError(Exception):
    """Something that the user can mend; the text says how."""


HOW_TO_GET_GO = (
    f"building Pulumi takes Go {parts.GO} or newer as `go` on PATH. Install it from go.dev or a package of your "
    "distribution, or install Pulumi itself (pulumi.com/docs/install): then nothing is built"
)


def install() -> Path | None:
    """Makes engine and plugins ready. Returns the folder of the built set, or None where the user's own is used.

    Prints what it does; a second run prints nothing and takes a moment. Raises ToolchainError.
    """
    if found.own_engine() is not None:
        return None
    home = parts.home()
    if (home / "complete").exists():
        return home
    _need_go()
    with _locked(parts.cache() / "toolchain" / "lock"):
        if not (home / "complete").exists():
            _assemble(home, [(part, _built(part)) for part in parts.PARTS])
    return home


def _need_go() -> None:
    compiler = found.go()
    if compiler is None:
        raise ToolchainError(f"there is no `go` here: {HOW_TO_GET_GO}")
    wanted = found.version_of(f"{parts.GO}.0")
    if compiler[1] is None or wanted is None or compiler[1] < wanted:
        raise ToolchainError(f"{compiler[0]} is too old: {HOW_TO_GET_GO}")


def _built(part: parts.Part) -> Path:
    """The built program of one part, from the cache where it is there."""
    target = parts.cache() / "toolchain" / "parts" / f"{part.binary}-{parts.key(part)}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"toolchain: building {part.binary} {part.version} ...", file=sys.stderr, flush=True)
    begun = time.monotonic()
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    done = subprocess.run(
        [
            "go",
            "build",
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
            f"-ldflags=-s -w -X {part.version_variable}={part.version}",
            "-o",
            str(staged),
            part.package,
        ],
        cwd=parts.SOURCES / part.folder,
        env={**os.environ, "CGO_ENABLED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        staged.unlink(missing_ok=True)
        tail = "\n".join(line for line in done.stdout.splitlines()[-30:] if not line.startswith("go: downloading"))
        raise ToolchainError(f"building {part.binary} failed (can Go reach its module proxy?):\n{tail}")
    staged.rename(target)
    print(f"toolchain: built {part.binary} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return target


def _assemble(home: Path, built: list[tuple[parts.Part, Path]]) -> None:
    """Puts engine and language host side by side (found so without a warning), and the plugins into a PULUMI_HOME."""
    shutil.rmtree(home, ignore_errors=True)
    binaries = home / "bin"
    binaries.mkdir(parents=True)
    for part, program in built:
        if part.plugin is None:
            shutil.copy2(program, binaries / part.binary)
    executor = _executor()
    shutil.copy(executor, binaries / executor.name)
    (binaries / executor.name).chmod(0o755)
    for part, program in built:
        if part.plugin is not None:
            _install_plugin(home, part, program)
    (home / "complete").touch()


def _install_plugin(home: Path, part: parts.Part, program: Path) -> None:
    # The engine takes the file under its own name.
    staged = home / part.binary
    shutil.copy2(program, staged)
    try:
        done = subprocess.run(
            [
                str(home / "bin" / "pulumi"),
                "plugin",
                "install",
                "resource",
                str(part.plugin),
                part.version,
                "--file",
                str(staged),
            ],
            env={**os.environ, "PULUMI_HOME": str(home / "home"), "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        staged.unlink()
    if done.returncode != 0:
        raise ToolchainError(f"installing plugin {part.plugin} {part.version} failed:\n{done.stdout}")


def _executor() -> Path:
    """The script that runs a Python program; it comes with the SDK's Go module, which the language host is built from."""
    listed = subprocess.run(
        ["go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"],
        cwd=parts.SOURCES / "languagehost",
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(listed.stdout.strip()) / "python" / "cmd" / "pulumi-language-python-exec"


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One build at a time on this cache; another one waits and then finds everything made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("toolchain: waiting for another build to end ...", file=sys.stderr, flush=True)
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
