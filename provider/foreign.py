"""Entries and drop-ins that no component declares: which are moved aside, and which are only named."""

from __future__ import annotations

from collections.abc import Iterator

from nodestate import Foreign, NodeStateInputs
from provider.changes import Aside
from provider.observed import Observed


def aside(found: Observed, wanted: NodeStateInputs) -> tuple[Aside, ...]:
    """The foreign paths that the program wants to be moved aside. None on a node on which the component has no owner marks
    yet: after an upgrade from a version without marks, a path of another component may look foreign."""
    if found.unmarked:
        return ()
    return tuple(one for one, how in _foreign(found, wanted) if how == Foreign.REMOVED)


def named(found: Observed, wanted: NodeStateInputs) -> tuple[str, ...]:
    """A warning for each foreign path that stays."""
    stays = "; it stays until the component has its owner marks on the node"
    return tuple(
        f"{one.path} is not declared by the program"
        + (f": it changes {one.unit}" if one.unit else f": see {one.path.rpartition('/')[0]}")
        + (stays if how == Foreign.REMOVED else "")
        for one, how in _foreign(found, wanted)
        if how == Foreign.NAMED or (how == Foreign.REMOVED and found.unmarked)
    )


def _foreign(found: Observed, wanted: NodeStateInputs) -> list[tuple[Aside, Foreign]]:
    """Each foreign path and how it is treated, in the order of paths."""
    return sorted(_each(found, wanted), key=lambda one: (one[0].path, one[0].unit or ""))


def _each(found: Observed, wanted: NodeStateInputs) -> Iterator[tuple[Aside, Foreign]]:
    ours = wanted.files.keys() | wanted.directories.keys()
    for path, directory in wanted.directories.items():
        before = found.directories.get(path)
        for entry in before.entries if before is not None else ():
            if not any(one == entry or one.startswith(f"{entry}/") for one in (*ours, *directory.known)):
                yield Aside(entry), directory.foreign
    for name, unit in wanted.units.items():
        observed = found.units.get(name)
        if observed is None:
            continue
        for path in (*observed.drop_ins, *([observed.fragment] if observed.fragment else [])):
            if path not in ours:
                yield Aside(path, name), _movable(path, name, unit.foreign_drop_ins)


def _movable(path: str, unit: str, how: Foreign) -> Foreign:
    """A drop-in for a whole family of units is not moved for one of them, nor a file of the operating system."""
    own = path.split("/")[-2] == f"{unit}.d" or path.rpartition("/")[2] == unit
    movable = own and path.startswith(("/etc/", "/run/"))
    return Foreign.NAMED if how == Foreign.REMOVED and not movable else how
