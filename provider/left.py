"""Paths and units on a node that no state knows of: a broken run's, by its journal; a lost result's, by its owner marks.

A result is lost where the engine or the provider ends after the node has finished and before the state is saved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from nodestate import Action, Reaction
from provider.observed import JournalEntry, ObservedDirectory, ObservedFile, ObservedUnit
from provider.remote.paths import FoundPath
from provider.remote.report import Report
from provider.remote.units import UNIT_FOLDER

NOT_READ = "(not read)"
"""In place of the content of a file that was left: it may be a secret of a program that is not known."""

Left = Mapping[str, ObservedFile | ObservedDirectory]


class Asked(Protocol):
    """The part of a request that matters here."""

    @property
    def component(self) -> str: ...

    @property
    def paths(self) -> frozenset[str]: ...


def left_paths(
    entries: Sequence[JournalEntry], request: Asked, owned: Collection[str], unknown: Collection[str], report: Report
) -> Left:
    """The paths that only the journal names, where it changed something, and those of the `unknown` owner marks. `owned`: what
    the component owned before a run broke: such a file is not put back, since the program has dropped it."""
    return {
        **dict(_marked(request.component, unknown, report)),
        **dict(_journaled(entries, request.paths, owned, report)),
    }


def _journaled(
    entries: Sequence[JournalEntry], known: Collection[str], owned: Collection[str], report: Report
) -> Iterator[tuple[str, ObservedFile | ObservedDirectory]]:
    unswapped = {one.subject for one in entries if one.act == "unswapped"}
    for entry in entries:
        path, found = entry.subject, report.found.get(entry.subject)
        if path in known or path in unswapped:
            continue
        replaced = entry.act in ("file", "block") and path not in owned
        if entry.act == "made" and found is not None and found.kind == "directory":
            yield path, ObservedDirectory(found.mode, found.owner, found.group)
        elif entry.act in ("file", "absent") and (replaced or found is not None):
            shape = found or FoundPath("regular file", "0644", "root", "root", "0", "0")
            yield path, ObservedFile(NOT_READ, None, shape.mode, shape.owner, shape.group, replaced=replaced)
        elif entry.act in ("block", "noblock") and found is not None:
            yield path, ObservedFile(NOT_READ, block=True, replaced=replaced)


def _marked(
    component: str, unknown: Collection[str], report: Report
) -> Iterator[tuple[str, ObservedFile | ObservedDirectory]]:
    for path in sorted(unknown):
        found = report.found.get(path)
        if found is None:
            continue
        shape = (found.mode, found.owner, found.group)
        if path in report.wholes[component]:
            kind = found.kind if found.kind == "directory" else None
            yield path, ObservedFile(NOT_READ, None, *shape, kind=kind)
        elif (report.targets.get(path) or found).kind == "directory":
            yield path, ObservedDirectory(*shape, link=report.links.get(path))
        else:
            yield path, ObservedFile(NOT_READ, block=True)


def left_units(
    entries: Sequence[JournalEntry],
    owned: Collection[str],
    unknown: Collection[str],
    left: Left,
    known: Collection[str],
    report: Report,
) -> dict[str, ObservedUnit]:
    """Units that only the journal names, and those of the `unknown` owner marks whose file was left; none of the `known`. Of
    those that the component `owned` before, the program has dropped each: it is not enabled again."""
    named = {one.subject for one in entries if one.act in ("started", "setting")} - {*owned}
    named |= {unit for unit in unknown if f"{UNIT_FOLDER}{unit}" in left}
    return {
        unit: ObservedUnit(
            enabled=enabled.startswith("enabled"), active=active in ("active", "activating", "reloading")
        )
        for unit, (active, enabled) in report.left.items()
        if unit in named and unit not in known
    }


def left_reactions(left: Left, report: Report) -> list[Reaction]:
    """A restart of each unit that was started with a file that was left: the program knows no reaction for it."""
    found = []
    for unit, sums in report.started_with.items():
        files = tuple(sorted(sums.keys() & left.keys()))
        if files and report.units.get(unit, {}).get("InvocationID") == report.invocations.get(unit):
            found.append(Reaction(unit, Action.RESTART, files))
    return found
