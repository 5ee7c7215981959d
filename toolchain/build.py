"""Builds the parts into the cache: each once per version and sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from builder import gobuild, golang
from builder.cache import cached, locked
from builder.errors import UserError
from builder.golang import Go
from builder.log import log
from builder.process import run
from toolchain import found, parts

DOWNLOAD_SECONDS = 90
"""Time limit for the download of one plugin from Pulumi's site."""


NO_LOGS = (
    "In place of the folder in which the engine would log each run with all values, secrets too: nothing reads that.\n"
)
"""The engine has no switch for these logs, which it encrypts with the stack's key; they take a third of its time."""


def install() -> Path | None:
    """Make engine and plugins ready. Return the folder of the built set, or None if the user's own Pulumi is used.

    Logs what it does; a repeated call logs nothing and is fast. Raises UserError.
    """
    if found.own_engine() is not None:
        return None
    home = parts.home()
    if parts.complete():
        return home
    with locked(parts.folder() / "lock"):
        if parts.complete():
            return home
        if _install_missing_plugins():
            return None
        go = golang.find()
        _assemble(home, [(part, _build(part, go)) for part in parts.PARTS], go)
    return home


def _install_missing_plugins() -> bool:
    """Install the plugins that the user's own engine lacks. Return whether that engine can be used then."""
    engine = found.engine()
    if engine is None or engine.problem:
        return False
    for part in engine.missing_plugins:
        log(f"installing plugin {part.plugin} {part.version} for {engine.path} ...")
        command = [engine.path, "plugin", "install", "resource", str(part.plugin), part.version]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
            )
            failure = (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else ""
        except subprocess.TimeoutExpired:
            failure = f"no answer within {DOWNLOAD_SECONDS} s"
        if failure:
            log(f"plugin {part.plugin} cannot be downloaded ({failure}): building engine and plugins instead")
            return False
    found.engine.cache_clear()
    return found.own_engine() is not None


def _build(part: parts.Part, go: Go) -> Path:
    """Return the program of one part; build it if the cache does not have it."""

    def make(program: Path) -> None:
        gobuild.build(
            go,
            parts.SOURCES / part.folder,
            part.package,
            program,
            name=f"{part.binary} {part.version}",
            variables={part.version_variable: part.version},
        )

    return cached(f"toolchain/parts/{part.binary}-{parts.key(part)}", make, folder=False)


def _assemble(home: Path, built: list[tuple[parts.Part, Path]], go: Go) -> None:
    """Put engine and language host into one folder, where the engine finds it, and the plugins into a PULUMI_HOME."""
    shutil.rmtree(home, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}.") as name:
        staged = Path(name) / "set"
        binaries = staged / "bin"
        binaries.mkdir(parents=True)
        for part, program in built:
            if part.plugin is None:
                shutil.copy2(program, binaries / part.binary)
        (staged / "home").mkdir()
        (staged / "home" / "logs").write_text(NO_LOGS)
        executor = _executor(go)
        shutil.copy(executor, binaries / executor.name)
        (binaries / executor.name).chmod(0o755)
        for part, program in built:
            if part.plugin is not None:
                _install_plugin(staged, part, program)
        (staged / "complete").touch()
        staged.rename(home)


def _install_plugin(staged: Path, part: parts.Part, program: Path) -> None:
    # The engine needs the file under the plugin's name.
    named = staged / part.binary
    os.symlink(program, named)
    command = [str(staged / "bin/pulumi"), "plugin", "install", "resource", str(part.plugin), part.version]
    try:
        run(
            [*command, "--file", str(named)],
            environment={"PULUMI_HOME": str(staged / "home"), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except UserError as error:
        raise UserError(f"installing plugin {part.plugin} {part.version} failed: {error}") from None
    named.unlink()


def _executor(go: Go) -> Path:
    """Return the script that runs a Python program. It is in the Go module of the SDK that the language host uses."""
    sdk = golang.module_folder(go, parts.SOURCES / "languagehost", "github.com/pulumi/pulumi/sdk/v3")
    return sdk / "python" / "cmd" / "pulumi-language-python-exec"
