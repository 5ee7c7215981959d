"""Equal changes of several nodes as one, and the changes by their origin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from nodestate.names import names
from report.model import NodeReport, ObjectChange, Origin, PathChange


@dataclass(frozen=True)
class Fold:
    """Nodes with equal changes; `report` is that of the first."""

    nodes: tuple[str, ...]
    report: NodeReport

    @property
    def title(self) -> str:
        """The names, and how many they are."""
        return names(self.nodes)


def fold(nodes: Iterable[NodeReport]) -> list[Fold]:
    """Nodes whose changes are equal but for the node's own name, together, in the order of the first of each."""
    found: dict[NodeReport, list[NodeReport]] = {}
    for node in nodes:
        found.setdefault(_signature(node), []).append(node)
    return [Fold(tuple(one.node for one in equal), equal[0]) for equal in found.values()]


def part(node: NodeReport, drift: bool) -> NodeReport | None:
    """The half of a report that the program, or with `drift` the node alone, is the cause of; None if there is none."""

    def chosen(origin: Origin) -> bool:
        return (origin is Origin.DRIFT) == drift

    half = replace(
        node,
        paths=tuple(one for one in node.paths if chosen(one.origin)),
        steps=tuple(one for one in node.steps if chosen(one.origin)),
        settings=tuple(one for one in node.settings if chosen(one.origin)),
        probes=tuple(one for one in node.probes if chosen(one.origin)),
        ownership=() if drift else node.ownership,
        recorded=() if drift else node.recorded,
    )
    if half.silent and (drift or not node.silent):
        return None
    return half


def _signature(node: NodeReport) -> NodeReport:
    own = re.compile(rf"(?<![\w-]){re.escape(node.node)}(?![\w])")

    def plain(text: str) -> str:
        return own.sub("{node}", text)

    def changed(lines: Iterable[str]) -> tuple[str, ...]:
        return tuple(plain(one) for one in lines if one.startswith(("+", "-")))

    return replace(
        node,
        node="",
        group="",
        slot="",
        components=tuple(sorted(plain(one) for one in node.components)),
        paths=tuple(
            replace(
                one,
                path=plain(one.path),
                because=plain(one.because),
                component=plain(one.component),
                diff=changed(one.diff),
            )
            for one in node.paths
        ),
        steps=tuple(replace(one, because=plain(one.because), component=plain(one.component)) for one in node.steps),
        settings=tuple(replace(one, component=plain(one.component)) for one in node.settings),
        probes=tuple(replace(one, found=plain(one.found), component=plain(one.component)) for one in node.probes),
        ownership=tuple(
            replace(one, item=plain(one.item), to=plain(one.to), component=plain(one.component))
            for one in node.ownership
        ),
        found=tuple(sorted(plain(one) for one in node.found)),
    )


@dataclass(frozen=True)
class ObjectFold:
    """Objects of one set to which the same happens; `first` is the first of them."""

    objects: tuple[str, ...]
    first: ObjectChange


def fold_objects(changes: Iterable[ObjectChange], drift: bool) -> list[ObjectFold]:
    """The changes that the program, or with `drift` the API alone, is the cause of; equal ones of a set together."""
    found: dict[object, list[ObjectChange]] = {}
    for one in changes:
        if (one.origin is Origin.DRIFT) == drift:
            found.setdefault((one.set_name, one.operation, one.whole, one.fields), []).append(one)
    return [ObjectFold(tuple(one.object for one in equal), equal[0]) for equal in found.values()]


def similar(paths: Iterable[PathChange]) -> Iterator[list[PathChange]]:
    """Paths of one directory and ending together, if the same happens to them and there is no diff to show."""
    found: dict[object, list[PathChange]] = {}
    for path in paths:
        directory, _, name = path.path.rpartition("/")
        same = replace(path, path="", component="")
        key = path if path.diff else (directory, name.partition(".")[2], same)
        found.setdefault(key, []).append(path)
    yield from found.values()


def braces(paths: list[str]) -> str:
    """One path, or several as a shell would expand them."""
    if len(paths) == 1:
        return paths[0]
    directory, _, name = paths[0].rpartition("/")
    ending = name[name.index(".") :] if "." in name else ""
    stems = [path.rpartition("/")[2].removesuffix(ending) for path in paths]
    return f"{directory}/{{{','.join(stems)}}}{ending}"
