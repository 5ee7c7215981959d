"""What of the toolchain is on this machine already."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from toolchain import parts

VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def version_of(text: str) -> tuple[int, int, int] | None:
    """The first x.y.z in a text, None where there is none."""
    match = VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


@functools.cache
def own_engine() -> str | None:
    """The path of a `pulumi` on PATH that is new enough and has, or can get, the plugins and a Python language host.

    None where there is none: then the built one is used. What this toolchain built does not count.
    """
    path = shutil.which("pulumi")
    if path is None or Path(path).resolve().is_relative_to(parts.cache().resolve()):
        return None
    version = version_of(_printed(path, "version"))
    if version is None or version < parts.OLDEST_ENGINE:
        return None
    if shutil.which("pulumi-language-python") is None and not (Path(path).parent / "pulumi-language-python").exists():
        return None
    missing = [part for part in parts.PLUGINS if not plugin_installed(part)]
    return path if all(_can_install(path, part) for part in missing) else None


def pulumi_home() -> Path:
    """Where the user's Pulumi keeps plugins and credentials."""
    return Path(os.environ.get("PULUMI_HOME", Path.home() / ".pulumi"))


def plugin_installed(part: parts.Part) -> bool:
    """Whether the user's Pulumi has this plugin in this version."""
    return (pulumi_home() / "plugins" / f"resource-{part.plugin}-v{part.version}").exists()


def go() -> tuple[str, tuple[int, int, int] | None] | None:
    """The path and version of the Go compiler on PATH, None where there is none."""
    path = shutil.which("go")
    return (path, version_of(_printed(path, "version").replace("go version go", "") + ".0")) if path else None


def _can_install(pulumi: str, part: parts.Part) -> bool:
    done = subprocess.run(
        [pulumi, "plugin", "install", "resource", str(part.plugin), part.version],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return done.returncode == 0


def _printed(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
