"""versions.toml as data: the versions and checksums that the project uses."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "versions.toml"
VERSIONS: dict[str, Any] = tomllib.loads(FILE.read_text())


def number(version: str) -> tuple[int, ...]:
    """Return a version such as "v1.2.3" as numbers."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))
