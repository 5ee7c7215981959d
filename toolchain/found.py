"""Finds the parts of the toolchain that this machine already has. Changes nothing."""

from __future__ import annotations

import functools
import json
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from toolchain import parts

VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


def version_of(text: str) -> tuple[int, int, int] | None:
    """Return the first x.y.z or x.y (then z is 0) in a text, or None."""
    match = VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


@dataclass(frozen=True)
class Engine:
    """A `pulumi` on PATH that this toolchain has not built.

    `problem` is the reason why it cannot be used, or empty; `missing_plugins` are the plugins to install first.
    """

    path: str
    version: str
    problem: str
    missing_plugins: tuple[parts.Part, ...]

    @property
    def usable(self) -> bool:
        """Return whether it can be used as it is."""
        return not self.problem and not self.missing_plugins


@functools.cache
def engine() -> Engine | None:
    """Return the user's own engine, or None."""
    path = shutil.which("pulumi", path=own_path())
    if path is None:
        return None
    printed = _printed(path, "version").strip()
    version = version_of(printed)
    oldest = ".".join(map(str, parts.OLDEST_ENGINE))
    problem = ""
    if version is None:
        problem = "does not print its version"
    elif version < parts.OLDEST_ENGINE:
        problem = f"is older than {oldest}"
    elif not _language_host(Path(path)):
        problem = "has no pulumi-language-python beside it or on PATH"
    missing = tuple(part for part in parts.PLUGINS if not plugin_installed(part))
    return Engine(path, printed.removeprefix("v"), problem, missing)


def own_engine() -> Engine | None:
    """Return the user's own engine if it can be used as it is: then nothing that is built here is used."""
    found = engine()
    return found if found is not None and found.usable else None


def own_path() -> str:
    """Return PATH without the folders of this toolchain, which an earlier `env` may have added."""
    built = parts.folder().absolute()
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not Path(folder).is_relative_to(built))


def pulumi_home() -> Path:
    """Return the folder of the user's Pulumi, also if PULUMI_HOME names one of this toolchain.

    Pulumi takes the home folder from the user database, not from HOME.
    """
    named = os.environ.get("PULUMI_HOME")
    if named and not Path(named).is_relative_to(parts.folder()):
        return Path(named)
    return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"


def plugin_installed(part: parts.Part) -> bool:
    """Return whether the user's Pulumi has this version of a plugin, completely installed."""
    folder = pulumi_home() / "plugins" / f"resource-{part.plugin}-v{part.version}"
    return folder.is_dir() and not folder.with_name(f"{folder.name}.partial").exists()


def logged_in() -> bool:
    """Return whether the user's own Pulumi is used and logged in to a backend."""
    if own_engine() is None:
        return False
    try:
        return bool(json.loads((pulumi_home() / "credentials.json").read_text()).get("current"))
    except (OSError, ValueError):
        return False


def _language_host(pulumi: Path) -> bool:
    name = "pulumi-language-python"
    return shutil.which(name, path=own_path()) is not None or (pulumi.resolve().parent / name).exists()


def _printed(*command: str) -> str:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
