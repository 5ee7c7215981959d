"""Paths and units that go from one component of a node to another: the former owner leaves them as they are.

The owner marks on the node tell that only once the new owner has been updated. The program knows it before: each component
gets what the others declare (`declaredElsewhere`), so the order of the updates does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from nodestate import Declared, NodeStateInputs
from nodestate.keys import fields_of
from provider.observed import Observed


class Item(NamedTuple):
    """A path or unit, and what it is declared as."""

    kind: str
    name: str


class Declarations:
    """All that the program of this run declares on each node, as the checks of its resources told."""

    def __init__(self) -> None:
        self._elsewhere: dict[str, Mapping[str, Declared]] = {}
        self._own: defaultdict[str, dict[str, Declared]] = defaultdict(dict)

    def note(self, component: str, wanted: NodeStateInputs) -> None:
        """Notes what a component declares, and what it was told of the others."""
        self._own[wanted.node][component] = Declared.of(wanted)
        self._elsewhere[component] = wanted.declared_elsewhere or {}

    def elsewhere(self, component: str) -> Mapping[str, Declared]:
        """All that the node's other components declare, as this one was told."""
        return self._elsewhere.get(component, {})

    def kept(self, node: str, component: str) -> Mapping[str, Declared]:
        """All that a deletion of this component leaves: all that others of the node declare, as far as it is known by now."""
        others = {name: declared for name, declared in self._own[node].items() if name != component}
        return {**self.elsewhere(component), **others}


def without_handed_over(found: Observed, wanted: NodeStateInputs) -> Observed:
    """`found` without the paths and units that only other components declare now; `handed_over` names them."""
    ours = {item.name for item in _items(Declared.of(wanted))}
    return leaving_to(found, wanted.declared_elsewhere or {}, but=ours)


def leaving_to(found: Observed, elsewhere: Mapping[str, Declared], but: Collection[str] = ()) -> Observed:
    """`found` without the paths and units of `elsewhere` that are of the same kind there; `handed_over` names them.

    A file that becomes a block or a directory is not handed over: its text has to go first.
    """
    owners = {item: component for component, declared in elsewhere.items() for item in _items(declared)}
    handed = {item.name: owners[item] for item in _items(Declared.of(found)) if item in owners and item.name not in but}
    if not handed:
        return found
    return replace(
        found,
        files={path: one for path, one in found.files.items() if path not in handed},
        directories={path: one for path, one in found.directories.items() if path not in handed},
        units={name: one for name, one in found.units.items() if name not in handed},
        handed_over={**found.handed_over, **handed},
    )


def names(elsewhere: Mapping[str, Declared]) -> set[str]:
    """All paths and units of other components."""
    return {item.name for declared in elsewhere.values() for item in _items(declared)}


def _items(declared: Declared) -> Iterator[Item]:
    for field in fields_of(Declared):
        for name in getattr(declared, field.name):
            yield Item(field.name, name)
