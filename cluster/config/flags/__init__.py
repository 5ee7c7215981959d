"""The flags of the control plane's programs by minor version, from the programs themselves: `make flags` writes the files."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from cluster import versions

FOLDER = Path(__file__).parent
ETCD = "etcd"


class Kind(StrEnum):
    """The values that a flag takes. `list` and `map` are text with commas, or are given several times."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    DURATION = "duration"
    TEXT = "text"
    LIST = "list"
    MAP = "map"


def file_name(program: str, version: str) -> str:
    """The name of the file with the flags of a program in one version, `v<major>.<minor>.<patch>`."""
    return f"{program}-{'.'.join(version.split('.')[:2])}.json"


def load(program: str, kubernetes: str) -> Mapping[str, Kind]:
    """The flags of a program with the kind of their values. `kubernetes` is the version that the stack sets."""
    return _load(file_name(program, versions.ETCD if program == ETCD else kubernetes))


@functools.cache
def _load(name: str) -> Mapping[str, Kind]:
    data = json.loads((FOLDER / name).read_text())
    return {flag: Kind(kind) for flag, kind in data["flags"].items()}
