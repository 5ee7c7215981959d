"""Builds the parts into the cache: each once per version and sources, whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain import found, golang, parts
from toolchain.errors import ToolchainError

PATIENCE = 90
"""Seconds that Pulumi's download site is given for one plugin."""

TELL_EVERY = 20
"""Seconds between two lines about a build that goes on."""


def install() -> Path | None:
    """Makes engine and plugins ready. Returns the folder of the built set, or None where the user's own is used.

    Prints what it does; a second run prints nothing and takes a moment. Raises ToolchainError.
    """
    if found.own_engine() is not None:
        return None
    home = parts.home()
    if parts.complete():
        return home
    with _locked(parts.cache() / "toolchain" / "lock"):
        if parts.complete():
            return home
        if _completed_own_engine():
            return None
        go = golang.compiler()
        _assemble(home, [(part, _built(part, go)) for part in parts.PARTS], go)
    return home


def _completed_own_engine() -> bool:
    """Gets the user's own engine the plugins that it lacks. False where there is none to use, or it cannot."""
    engine = found.engine()
    if engine is None or engine.lacks:
        return False
    for part in engine.plugins:
        _tell(f"getting plugin {part.plugin} {part.version} for {engine.path} ...")
        command = [engine.path, "plugin", "install", "resource", str(part.plugin), part.version]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            failure = (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else ""
        except subprocess.TimeoutExpired:
            failure = f"no answer within {PATIENCE} s"
        if failure:
            _tell(f"plugin {part.plugin} cannot be downloaded ({failure}): building engine and plugins instead")
            return False
    found.engine.cache_clear()
    return found.own_engine() is not None


def _built(part: parts.Part, go: str) -> Path:
    """The built program of one part, from the cache where it is there."""
    target = parts.cache() / "toolchain" / "parts" / f"{part.binary}-{parts.key(part)}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    _tell(f"building {part.binary} {part.version} ...")
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    linker = f"-ldflags=-s -w -X {part.version_variable}={part.version}"
    flags = ["-v", "-mod=readonly", "-trimpath", "-buildvcs=false", linker, "-o", str(staged)]
    begun = time.monotonic()
    try:
        _go_build([go, "build", *flags, part.package], part)
        staged.rename(target)
    finally:
        staged.unlink(missing_ok=True)
    _tell(f"built {part.binary} in {time.monotonic() - begun:.0f} s")
    return target


def _go_build(command: list[str], part: parts.Part) -> None:
    """Runs `go build -v`, which names what it downloads and each package that it compiles; tells how many."""
    begun = time.monotonic()
    lines: list[str] = []
    over = threading.Event()

    def tell() -> None:
        while not over.wait(TELL_EVERY):
            downloaded = sum(line.startswith("go: downloading") for line in list(lines))
            compiled = len(lines) - downloaded
            _tell(
                f"  {part.binary}: {downloaded} modules downloaded, {compiled} packages compiled, "
                f"{time.monotonic() - begun:.0f} s"
            )

    with subprocess.Popen(
        command,
        cwd=parts.SOURCES / part.folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line.rstrip())
        except BaseException:
            # Interrupted, the compiler ends too: it does not always get the terminal's signal itself.
            process.terminate()
            raise
        finally:
            over.set()
            teller.join()
    if process.returncode != 0:
        tail = "\n".join([line for line in lines if not line.startswith("go: downloading")][-20:])
        raise ToolchainError(f"building {part.binary} failed (can Go reach its module proxy?):\n{tail}")


def _assemble(home: Path, built: list[tuple[parts.Part, Path]], go: str) -> None:
    """Puts engine and language host side by side (found so without a warning), and the plugins into a PULUMI_HOME."""
    shutil.rmtree(home, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}.") as name:
        staged = Path(name) / "set"
        binaries = staged / "bin"
        binaries.mkdir(parents=True)
        for part, program in built:
            if part.plugin is None:
                shutil.copy2(program, binaries / part.binary)
        executor = _executor(go)
        shutil.copy(executor, binaries / executor.name)
        (binaries / executor.name).chmod(0o755)
        for part, program in built:
            if part.plugin is not None:
                _install_plugin(staged, part, program)
        (staged / "complete").touch()
        staged.rename(home)


def _install_plugin(folder: Path, part: parts.Part, program: Path) -> None:
    # The engine takes the file under its own name.
    named = folder / part.binary
    os.symlink(program, named)
    command = [str(folder / "bin/pulumi"), "plugin", "install", "resource", str(part.plugin), part.version]
    done = subprocess.run(
        [*command, "--file", str(named)],
        env={**os.environ, "PULUMI_HOME": str(folder / "home"), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    named.unlink()
    if done.returncode != 0:
        raise ToolchainError(f"installing plugin {part.plugin} {part.version} failed:\n{done.stdout}")


def _executor(go: str) -> Path:
    """The script that runs a Python program; it comes with the SDK's Go module, which the language host is built from."""
    listed = subprocess.run(
        [go, "mod", "download", "-json", "github.com/pulumi/pulumi/sdk/v3"],
        cwd=parts.SOURCES / "languagehost",
        env={**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    folder = json.loads(listed.stdout).get("Dir") if listed.stdout else None
    if listed.returncode != 0 or not folder:
        raise ToolchainError(f"Go cannot get Pulumi's SDK module:\n{listed.stderr or listed.stdout}")
    return Path(folder) / "python" / "cmd" / "pulumi-language-python-exec"


def _tell(line: str) -> None:
    print(f"toolchain: {line}", file=sys.stderr, flush=True)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One build at a time on this cache; another one waits and then finds everything made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("waiting for another build to end ...")
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
