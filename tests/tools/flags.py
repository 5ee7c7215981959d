"""Writes the flags of the control plane's programs: `make flags` asks the programs that the lab builds.

The Kubernetes programs tell names and kinds by `--help`. etcd's help tells no kinds, so each of its flags is tried.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from builder import golang
from builder.versions import VERSIONS
from cluster.config.flags import ETCD, FOLDER, Kind, file_name
from lab import build, parts

PROGRAMS = parts.CONTROL_PLANE
LINE = re.compile(r" {2,6}(?:-\w, )?--(?P<name>[\w.-]+)(?: (?P<type>\S+))?(?: {2,}|$)")
ETCD_LINE = re.compile(r" {2}--(?P<name>[a-z0-9-]+)")
NOT_SETTINGS = frozenset({"help", "version"})
KINDS: Mapping[str | None, Kind] = {
    **dict.fromkeys(("int", "int32", "Level"), Kind.INTEGER),
    **dict.fromkeys(("float", "float32"), Kind.NUMBER),
    **dict.fromkeys(("strings", "stringArray", "namedCertKey", "int32Slice"), Kind.LIST),
    **dict.fromkeys(("mapStringString", "mapStringBool", "stringToString"), Kind.MAP),
    "colonSeparatedMultimapStringString": Kind.MAP,
    "duration": Kind.DURATION,
    None: Kind.BOOLEAN,
}
TRIED = (("?", Kind.TEXT), ("1s", Kind.DURATION), ("2", Kind.INTEGER), ("true", Kind.BOOLEAN))
"""Values in turn: the first that a flag of etcd takes tells its kind. Others are text in another form, such as URLs."""


def kubernetes_flags(program: Path) -> Mapping[str, Kind]:
    """The flags that a Kubernetes program lists, deprecated ones apart, which it hides."""
    printed = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    found = [match for line in printed.splitlines() if (match := LINE.match(line))]
    return {one["name"]: KINDS.get(one["type"], Kind.TEXT) for one in found if one["name"] not in NOT_SETTINGS}


def etcd_flags(program: Path) -> Mapping[str, Kind]:
    """The flags that etcd lists."""
    printed = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
    names = [match["name"] for line in printed.splitlines() if (match := ETCD_LINE.match(line))]
    return {name: _tried(program, name) for name in names if name not in NOT_SETTINGS}


def _tried(program: Path, name: str) -> Kind:
    for value, kind in TRIED:
        if (
            subprocess.run([program, f"--{name}={value}", "--version"], check=False, capture_output=True).returncode
            == 0
        ):
            return kind
    return Kind.TEXT


def programs() -> dict[str, Path]:
    """The programs by name, built for the lab or from the cache."""
    go = golang.find()
    found: dict[str, Path] = {}
    for part in parts.PARTS:
        if part.folder in ("kubernetes", ETCD):
            folder = build.build_part(part, build.ARTIFACTS / part.folder, go)
            found |= {Path(path).name: folder / path for path in part.programs}
    return {name: found[name] for name in (*PROGRAMS, ETCD)}


def texts() -> dict[Path, str]:
    """The files with the flags of the versions that the lab builds."""
    found = {}
    for name, program in programs().items():
        version = VERSIONS[ETCD]["version"] if name == ETCD else VERSIONS["kubernetes"]["default"]
        flags = etcd_flags(program) if name == ETCD else kubernetes_flags(program)
        text = json.dumps({"version": version, "flags": flags}, indent=1, sort_keys=True) + "\n"
        found[FOLDER / file_name(name, version)] = text
    return found


if __name__ == "__main__":
    for file, text in texts().items():
        file.write_text(text)
