"""What the toolchain consists of, each part pinned to one version."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
ENGINE_VERSION = "3.256.0"
OLDEST_ENGINE = (3, 250, 0)
"""The first engine that the plugins and the provider were run on."""

OLDEST_GO = (1, 26, 0)
"""The oldest Go release that the modules build with."""


@dataclass(frozen=True)
class Part:
    """One program, built from the Go module in `folder` as package `package`, called `binary`.

    `version_variable` is what the linker sets to the version; `plugin` is the name of a resource plugin, else None.
    """

    folder: str
    package: str
    binary: str
    version: str
    version_variable: str
    plugin: str | None = None


_SDK_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

PARTS = (
    Part("engine", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "pulumi", f"v{ENGINE_VERSION}", _SDK_VERSION),
    Part("languagehost", ".", "pulumi-language-python", f"v{ENGINE_VERSION}", _SDK_VERSION),
    # The versions that the Python SDKs in requirements.txt ask the engine for.
    Part("tls", ".", "pulumi-resource-tls", "5.6.2", "main.version", plugin="tls"),
    Part("libvirt", ".", "pulumi-resource-libvirt", "0.5.4", "main.version", plugin="libvirt"),
    Part("command", ".", "pulumi-resource-command", "1.2.1", "main.version", plugin="command"),
)
PLUGINS = tuple(part for part in PARTS if part.plugin is not None)


def cache() -> Path:
    """The folder for slow builds: PLUMBLINE_CACHE, else plumbline in the user's cache folder."""
    if named := os.environ.get("PLUMBLINE_CACHE"):
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "plumbline"


def key(part: Part, sources: Path = SOURCES) -> str:
    """What a part was built from and for: its version, and a digest of its module files, sources and this machine's
    architecture."""
    digest = hashlib.sha256(f"{part} {platform.machine()}\0".encode())
    folder = sources / part.folder
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".go", ".mod", ".sum", ".py") and not file.name.endswith("_test.go"):
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return f"{part.version.removeprefix('v')}-{digest.hexdigest()[:12]}"


def home() -> Path:
    """The folder of this very set of parts: `bin` with engine and language host, `home` with the plugins."""
    keys = "\n".join(f"{part.binary} {key(part)}" for part in PARTS)
    return cache() / "toolchain" / f"{ENGINE_VERSION}-{hashlib.sha256(keys.encode()).hexdigest()[:12]}"


def complete() -> bool:
    """Whether this very set of parts is built and installed."""
    return (home() / "complete").exists()
