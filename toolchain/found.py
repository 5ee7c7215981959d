"""What of the toolchain is on this machine already. Everything here looks, and changes nothing."""

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
    """The first x.y.z or x.y in a text (then z is 0), None where there is none."""
    match = VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


@dataclass(frozen=True)
class Engine:
    """A `pulumi` on PATH that this toolchain has not built. `lacks` is what it cannot be used without, empty where
    it can; `plugins` are those of the parts that it has not installed."""

    path: str
    version: str
    lacks: str
    plugins: tuple[parts.Part, ...]

    @property
    def usable(self) -> bool:
        return not self.lacks and not self.plugins


@functools.cache
def engine() -> Engine | None:
    """The user's own engine, None where there is none."""
    path = shutil.which("pulumi", path=own_path())
    if path is None:
        return None
    printed = _printed(path, "version").strip()
    version = version_of(printed)
    oldest = ".".join(map(str, parts.OLDEST_ENGINE))
    lacks = ""
    if version is None:
        lacks = "does not tell its version"
    elif version < parts.OLDEST_ENGINE:
        lacks = f"is older than {oldest}"
    elif not _language_host(Path(path)):
        lacks = "has no pulumi-language-python beside it or on PATH"
    missing = tuple(part for part in parts.PLUGINS if not plugin_installed(part))
    return Engine(path, printed.removeprefix("v"), lacks, missing)


def own_engine() -> Engine | None:
    """The user's own engine where it can be used as it is: then nothing built is used."""
    found = engine()
    return found if found is not None and found.usable else None


def own_path() -> str:
    """PATH without the folders of this toolchain, which an earlier `env` may have put there."""
    built = (parts.cache() / "toolchain").absolute()
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not Path(folder).is_relative_to(built))


def pulumi_home() -> Path:
    """Where the user's Pulumi keeps plugins and credentials; a folder of this toolchain's is not the user's.

    Pulumi takes the home folder from the system's list of users, not from HOME.
    """
    named = os.environ.get("PULUMI_HOME")
    if named and not Path(named).is_relative_to(parts.cache() / "toolchain"):
        return Path(named)
    return Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"


def plugin_installed(part: parts.Part) -> bool:
    """Whether the user's Pulumi has this plugin in this version, whole."""
    folder = pulumi_home() / "plugins" / f"resource-{part.plugin}-v{part.version}"
    return folder.is_dir() and not folder.with_name(f"{folder.name}.partial").exists()


def logged_in() -> bool:
    """Whether the user's own Pulumi, where it is used, remembers a backend."""
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
