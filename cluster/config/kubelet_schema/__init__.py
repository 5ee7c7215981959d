"""The schemas of configuration files by Kubernetes minor version, generated from their source by generate.go.

The kubelet's is in `<minor>.json`, those of another component in `<component>-<minor>.json`.

The kubelet warns about an unknown key and ignores it. It exits on a value of another type, and on an unknown feature
gate.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = "KubeletConfiguration"
ALL_GATES = frozenset({"AllAlpha", "AllBeta"})
"""Gates that switch many others. The schema does not list which."""


@dataclass(frozen=True)
class Gate:
    """A feature gate: its default, whether that can be changed, and the gates that it needs."""

    default: bool
    locked: bool
    requires: Sequence[str]


@dataclass(frozen=True)
class Schema:
    """`types` are the fields of each object with their types; `enums` the texts that a type allows."""

    version: str
    types: Mapping[str, Mapping[str, str]]
    enums: Mapping[str, Sequence[str]]
    gates: Mapping[str, Gate]


@functools.cache
def load(version: str, component: str = "") -> Schema:
    """The schema of a Kubernetes version, `v1.<minor>.<patch>`: by default the kubelet's, else without feature gates."""
    minor = ".".join(version.split(".")[:2])
    name = f"{component}-{minor}" if component else minor
    data = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    gates = {
        name: Gate(gate["default"], gate.get("locked", False), gate.get("requires", ()))
        for name, gate in data["gates"].items()
    }
    gates |= {name: Gate(False, False, ()) for name in ALL_GATES}
    return Schema(data["version"], data["types"], data["enums"], gates)
