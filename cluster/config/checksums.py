"""Checksum files in the format of sha256sum."""

from __future__ import annotations

import re

from cluster.config.reader import Scope

LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+)")


def checksum(scope: Scope, key: str, file: str, name: str) -> str:
    """The sha256 that a checksum file lists for a name; notes an error of the key and returns "" if there is none."""
    if not scope.reads_files:
        return "0" * 64
    sums = _read(scope, key, file)
    if name in sums:
        return sums[name]
    if not scope.failed(key) or sums:
        scope.error(key, f"{file} has no sha256 for {name}")
    return ""


def _read(scope: Scope, key: str, file: str) -> dict[str, str]:
    """All checksums of a file by name; empty after an error, because a damaged file pins nothing."""
    try:
        lines = (scope.root / file).read_text().splitlines()
    except OSError:
        scope.error(key, f"{file} cannot be read; run `make up` once, or build the lab's files with `make lab`")
        return {}
    except UnicodeDecodeError:
        scope.error(key, f"{file} is not text: it must be a file in the format of sha256sum")
        return {}
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.rstrip())
        if match is None:
            scope.error(key, f"{file}, line {number} is not '<sha256>  <name>', the format of sha256sum")
            return {}
        name = match[2].removeprefix("./")
        if sums.setdefault(name, match[1]) != match[1]:
            scope.error(key, f"{file}, line {number} has a second sha256 for {name}: remove the wrong line")
            return {}
    return sums
