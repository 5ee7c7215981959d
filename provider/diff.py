"""The difference of two states in the engine's terms: which keys differ, and whether that replaces the resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi.provider.experimental import provider as api

from nodestate import NodeStateInputs
from nodestate.keys import fields_of
from nodestate.secret import is_unknown
from nodestate.wire import partly_unknown
from provider.changes import FileChange
from provider.observed import Observed, ObservedUnit
from provider.plan import Plan

CONTENTS = ("files", "directories", "units", "probes")
"""Fields that are compared by their members; a change of any other is recorded and touches nothing on the node."""

NEVER_STORED = ("declared_elsewhere",)
"""Fields that tell of the rest of the program: Check takes them away."""

FAULTS = {
    field.name: field.wire
    for field in fields_of(ObservedUnit)
    if field.name in ("masked", "failed", "looping", "reload_needed", "fragment", "drop_ins", "links", "stale")
}
"""Facts about a unit that are stored only where they are not as they should be."""

FOREIGN = ("fragment", "drop_ins")
"""Those that stay unless they are moved aside."""

REPLACING = ("node", "machine_id")
"""Fields whose change makes it another resource. A machine id that is given for the first time, or not any more, does not."""

Kind = api.PropertyDiffKind


def without_unknown_sections(old: Observed, new: NodeStateInputs, inputs: Mapping[str, Any]) -> NodeStateInputs:
    """`new` with the old sections in place of those that are not known yet: no change of their members is claimed."""
    return replace(new, **{name: getattr(old, name) for name in CONTENTS if is_unknown(inputs.get(name))})


def with_facts_of_new_probes(old: Observed, new: NodeStateInputs, seen: Observed | None) -> Observed:
    """`old` with the facts of probes that the program did not have before, or that ask something else now, as this run has
    `seen` them: the stored state cannot have those."""
    asked = {name: replace(one, expected="") for name, one in old.probes.items()}
    differ = [name for name, one in new.probes.items() if asked.get(name) != replace(one, expected="")]
    facts = {name: seen.probes[name] for name in differ if seen is not None and name in seen.probes}
    return replace(old, probes={**old.probes, **facts})


def differing_keys(old: Observed, new: NodeStateInputs, inputs: Mapping[str, Any]) -> dict[str, Kind]:
    """The keys of the inputs that differ, or may, apart from the members of CONTENTS."""
    found: dict[str, Kind] = {}
    for field in fields_of(NodeStateInputs):
        if field.name in NEVER_STORED:
            continue
        if field.name in CONTENTS:
            differs = is_unknown(inputs.get(field.wire))
        else:
            differs = partly_unknown(inputs.get(field.wire)) or getattr(old, field.name) != getattr(new, field.name)
        if differs:
            given = getattr(old, field.name) is not None and inputs.get(field.wire) is not None
            found[field.wire] = Kind.UPDATE_REPLACE if field.name in REPLACING and given else Kind.UPDATE
    return found


def replaces(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether new inputs replace the resource: a key of REPLACING is given in both and differs, or is not known yet."""
    wires = [field.wire for field in fields_of(NodeStateInputs) if field.name in REPLACING]
    return any(old.get(key) is not None and new.get(key) is not None and old[key] != new[key] for key in wires)


def detailed(old: Observed, new: NodeStateInputs, plan: Plan) -> dict[str, Kind]:
    """The members of CONTENTS that differ, attribute by attribute."""
    found: dict[str, Kind] = {}
    for section, changes in (("files", plan.files), ("directories", plan.directories)):
        for change in changes:
            found |= _of_change(section, change)
    moved = {one.unit for one in plan.aside}
    for name in sorted(old.units.keys() | new.units.keys()):
        at = _member("units", name)
        before, after = old.units.get(name), new.units.get(name)
        if before is None:
            found[at] = Kind.ADD
        elif after is None:
            found[at] = Kind.DELETE
        else:
            found |= {
                f"{at}.{key}": Kind.UPDATE
                for key in ("enabled", "active")
                if getattr(before, key) != getattr(after, key)
            }
            found |= {
                f"{at}.{wire}": Kind.DELETE
                for attribute, wire in FAULTS.items()
                if getattr(before, attribute) and (attribute not in FOREIGN or name in moved)
            }
    if old.journal:
        found["journal"] = Kind.DELETE
    if old.lost:
        found["lost"] = Kind.DELETE
    if old.unmarked:
        found["unmarked"] = Kind.DELETE
    found |= {_member("probes", one.name) + ".expected": Kind.UPDATE for one in plan.probes}
    return found


def _of_change(section: str, change: FileChange) -> dict[str, Kind]:
    at = _member(section, change.path)
    if change.attributes == ("added",):
        return {at: Kind.ADD}
    if change.attributes == ("removed",):
        return {at: Kind.DELETE}
    return {f"{at}.{attribute}": Kind.UPDATE for attribute in change.attributes}


def _member(section: str, name: str) -> str:
    """The property path of one member."""
    escaped = name.replace('"', '\\"')
    return f'{section}["{escaped}"]'
