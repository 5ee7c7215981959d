"""The parts of the toolchain, each pinned to one version."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from builder import cache
from builder.versions import VERSIONS, number

SOURCES = Path(__file__).parent
SHARED = "lifetime"
"""The Go module that every plugin uses."""
_PULUMI = VERSIONS["pulumi"]
ENGINE_VERSION: str = _PULUMI["engine"]
OLDEST_ENGINE = number(_PULUMI["oldest"])
"""The oldest engine that plugins and provider were tested with."""


@dataclass(frozen=True)
class Part:
    """A program `binary`, built from `package` of the Go module in `folder`.

    The linker sets `version_variable` to the version. `plugin` is the name of a resource plugin, else None.
    """

    folder: str
    package: str
    binary: str
    version: str
    version_variable: str
    plugin: str | None = None


_SDK_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

PLUGINS = tuple(
    Part(name, ".", f"pulumi-resource-{name}", version, "main.version", plugin=name)
    for name, version in _PULUMI["plugins"].items()
)
PARTS = (
    Part("engine", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "pulumi", f"v{ENGINE_VERSION}", _SDK_VERSION),
    Part("languagehost", ".", "pulumi-language-python", f"v{ENGINE_VERSION}", _SDK_VERSION),
    *PLUGINS,
)


def folder() -> Path:
    """Return the toolchain's folder in the build cache."""
    return cache.root() / "toolchain"


def key(part: Part, sources: Path = SOURCES) -> str:
    """Return a part's version and a digest of its module files, its sources and this machine's architecture."""
    digest = hashlib.sha256(f"{part} {platform.machine()}\0".encode())
    for module in (sources / part.folder, *((sources / SHARED,) if part.plugin else ())):
        for file in sorted(module.rglob("*")):
            if file.suffix in (".go", ".mod", ".sum", ".py") and not file.name.endswith("_test.go"):
                digest.update(f"{file.relative_to(module)}\0".encode() + file.read_bytes() + b"\0")
    return f"{part.version.removeprefix('v')}-{digest.hexdigest()[:12]}"


def home() -> Path:
    """Return the folder of this set of parts: `bin` has engine and language host, `home` the plugins."""
    keys = "\n".join(f"{part.binary} {key(part)}" for part in PARTS)
    return folder() / f"{ENGINE_VERSION}-{hashlib.sha256(keys.encode()).hexdigest()[:12]}"


def complete() -> bool:
    """Return whether this set of parts is built and installed."""
    return (home() / "complete").exists()
