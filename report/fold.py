"""Equal changes of several nodes as one, and names of many nodes in few words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from report.build import natural
from report.model import NodeReport, Origin

FEW = 3
"""So many names in a row are written out."""

_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class Fold:
    """Nodes with equal changes; `report` is that of the first."""

    nodes: tuple[str, ...]
    report: NodeReport

    @property
    def title(self) -> str:
        """The names, and how many they are."""
        return names(self.nodes)


def names(nodes: Iterable[str]) -> str:
    """Names of nodes with runs such as `w1 ... w40`, and their number if that is more than three."""
    ordered = sorted(set(nodes), key=natural)
    text = ", ".join(_runs(ordered))
    return text if len(ordered) <= FEW else f"{text}: {len(ordered)} nodes"


def _runs(ordered: list[str]) -> Iterator[str]:
    run: list[str] = []
    for name in ordered:
        if run and not _follows(run[-1], name):
            yield from _written(run)
            run = []
        run.append(name)
    yield from _written(run)


def _follows(before: str, name: str) -> bool:
    one, two = _NUMBERED.fullmatch(before), _NUMBERED.fullmatch(name)
    return bool(one and two and one[1] == two[1] and int(two[2]) == int(one[2]) + 1)


def _written(run: list[str]) -> list[str]:
    return run if len(run) <= FEW else [f"{run[0]} ... {run[-1]}"]


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
    )
