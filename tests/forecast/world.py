"""The desired state of one node, which mutations change: its components in wire form, and what it needs to be."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.forecast.record import STAGED, Record
from tests.forecast.rendered import Issuer


@dataclass
class World:
    """One node: its desired components by name, and what the mutations need to make new ones.

    `tools` are the checksums of tool.service's versions, `kubelets` the two downloads of the kubelet. `names` maps a
    component to the name of its resource. `number` makes every new text different.
    """

    node: str
    components: dict[str, dict[str, Any]]
    issuer: Issuer
    tools: list[str]
    kubelets: list[dict[str, Any]]
    names: dict[str, str] = field(default_factory=dict)
    number: int = 0
    former_units: set[str] = field(default_factory=set)

    def resource(self, component: str) -> str:
        """The name of the component's resource."""
        return self.names.get(component, f"{self.node}-{component}")

    def fresh(self) -> int:
        """A number that no mutation of this node has used."""
        self.number += 1
        return self.number

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """Every desired file by path."""
        return {path: file for one in self.components.values() for path, file in one["files"].items()}

    @property
    def directories(self) -> dict[str, dict[str, Any]]:
        """Every desired directory by path."""
        return {path: shape for one in self.components.values() for path, shape in one.get("directories", {}).items()}

    @property
    def units(self) -> dict[str, dict[str, Any]]:
        """Every desired unit by name."""
        return {name: unit for one in self.components.values() for name, unit in one.get("units", {}).items()}

    @property
    def probes(self) -> dict[str, dict[str, Any]]:
        """Every probe by name, with its component before it."""
        return {
            f"{component}/{name}": probe
            for component, one in self.components.items()
            for name, probe in one.get("probes", {}).items()
        }

    def recorded_units(self) -> list[str]:
        """The units to record: those that are or were desired, and those that reactions and probes name."""
        named = {reaction["unit"] for one in self.components.values() for reaction in one.get("reactions", ())}
        self.former_units |= set(self.units) | named | {probe["unit"] for probe in self.probes.values()}
        return sorted(self.former_units)

    def only(self, component: str) -> World:
        """The same with one component."""
        made = copy.copy(self)
        made.components = {component: self.components[component]}
        return made

    def copy(self) -> World:
        """The same with its own components."""
        made = copy.copy(self)
        made.components, made.names = copy.deepcopy(self.components), dict(self.names)
        return made

    def wrong(self, record: Record) -> list[str]:
        """The facts of a record that are not as desired; empty after every `up`."""
        found = [f"{path} was left behind" for path in record.paths if path.endswith(STAGED)]
        for path, file in self.files.items():
            one = record.paths.get(path)
            if one is None or one.kind != "f":
                found.append(f"{path} is {'missing' if one is None else 'no regular file'}")
            elif file.get("block"):
                continue
            elif "content" in file and one.checksum != hashlib.sha256(file["content"].encode()).hexdigest():
                found.append(f"{path} has another content")
            elif one.shape != _shape(file):
                found.append(f"{path} is {one.shape}, not {_shape(file)}")
        for path, directory in self.directories.items():
            one = record.paths.get(path)
            if one is not None and (one.kind != "d" or one.shape != _shape(directory)):
                found.append(f"{path} is {one.kind} {one.shape}, not {_shape(directory)}")
        for name, unit in self.units.items():
            seen = record.units.get(name)
            if seen is None or seen.active != unit.get("active", True):
                found.append(f"{name} is {seen.properties.get('ActiveState') if seen else 'missing'}")
            elif seen.properties.get("UnitFileState") in ("enabled", "disabled", "enabled-runtime", "masked-runtime"):
                wanted = "enabled" if unit.get("enabled", True) else "disabled"
                if seen.properties["UnitFileState"] != wanted:
                    found.append(f"{name} is {seen.properties['UnitFileState']}, not {wanted}")
        for name, probe in self.probes.items():
            if name in record.probes and record.probes[name] != " ".join(probe["expected"].split("\n")).strip():
                found.append(f"probe {name} prints {record.probes[name]!r}")
        return found


def _shape(wanted: dict[str, Any]) -> str:
    return f"{int(wanted.get('mode', '0644'), 8):04o} {wanted.get('owner', 'root')}:{wanted.get('group', 'root')}"


def pick(rng: Random, choices: Any) -> Any:
    """One of a set or list, the same for the same seed."""
    return rng.choice(sorted(choices))
