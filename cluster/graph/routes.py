"""The lines of arrows: straight down within a column, along a common line across columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.graph.layout import TRACK, Layout, PlacedBox, Rect
from cluster.graph.model import Arrow, Graph

Point = tuple[float, float]
Segment = tuple[Point, Point]


@dataclass(frozen=True)
class Route:
    """An arrow's lines. `line` reaches from the sources to where the `stems` begin, one stem per target. `dots` are junctions."""

    arrow: Arrow
    across: bool
    line: tuple[Segment, ...]
    stems: tuple[Segment, ...]
    dots: tuple[Point, ...] = ()


class Router:
    """Finds the lines of a graph's arrows. The gap of an arrow across columns is known before anything has a place."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._boxes = {box.key: box for box in graph.boxes}
        self._across = [arrow for arrow in graph.arrows if self._columns(arrow) > 1]
        self._gaps = {id(arrow): self._gap(arrow) for arrow in self._across}

    def tracks(self) -> dict[int, int]:
        """The number of arrows across columns below each row."""
        return Counter(self._gaps.values())

    def routes(self, layout: Layout) -> Iterator[Route]:
        """The lines of each arrow."""
        used: Counter[int] = Counter()
        for arrow in self._graph.arrows:
            if id(arrow) not in self._gaps:
                yield self._straight(layout, arrow)
                continue
            gap = self._gaps[id(arrow)]
            used[gap] += 1
            yield self._bus(layout, arrow, layout.bottoms[gap] + TRACK * used[gap] - 1)

    def _columns(self, arrow: Arrow) -> int:
        return len({id(self._boxes[one].column) for one in (*arrow.sources, *arrow.targets)})

    def _gap(self, arrow: Arrow) -> int:
        """The row below which the common line is: no other box is between it and the sources and targets, if possible."""
        first = max(self._boxes[one].row for one in arrow.sources)
        last = min(self._boxes[one].row for one in arrow.targets)
        return min(range(first, last), key=lambda gap: (self._passed(arrow, gap), gap))

    def _passed(self, arrow: Arrow, gap: int) -> int:
        """The number of boxes in the way."""
        passed = 0
        for box in self._boxes.values():
            for one in (self._boxes[key] for key in arrow.sources):
                passed += box.column is one.column and one.row < box.row <= gap
            for one in (self._boxes[key] for key in arrow.targets):
                passed += box.column is one.column and gap < box.row < one.row
        return passed

    def _straight(self, layout: Layout, arrow: Arrow) -> Route:
        source, target = (layout.boxes[one[0]].rect for one in (arrow.sources, arrow.targets))
        x = min(source, target, key=lambda rect: rect.width).middle
        return Route(arrow, False, (), (((x, source.bottom), (x, target.y)),))

    def _bus(self, layout: Layout, arrow: Arrow, y: float) -> Route:
        starts = [(self._port(layout, one, arrow, "sources"), layout.boxes[one].rect.bottom) for one in arrow.sources]
        ends = [(self._port(layout, one, arrow, "targets"), layout.boxes[one].rect.y) for one in arrow.targets]
        places = sorted(x for x, _ in (*starts, *ends))
        line = [((x, bottom), (x, y)) for x, bottom in starts] + [((places[0], y), (places[-1], y))]
        # A corner is no junction; a line that another one meets is.
        meeting = Counter(places)
        dots = [x for x in meeting if places[0] < x < places[-1] or meeting[x] > 1]
        return Route(
            arrow, True, tuple(line), tuple(((x, y), (x, top)) for x, top in ends), tuple((x, y) for x in sorted(dots))
        )

    def _port(self, layout: Layout, key: str, arrow: Arrow, side: str) -> float:
        """Where an arrow across columns meets a box: beside those that come straight down, and beside each other."""
        placed = layout.boxes[key]
        mates = [one for one in self._across if key in getattr(one, side)]
        middle = self._alone(placed, side) and (placed.lane or not placed.box.column.nodes)
        at = placed.rect.middle if middle else placed.rect.x + placed.rect.width * 0.78
        return at + 10 * (mates.index(arrow) - (len(mates) - 1) / 2)

    def _alone(self, placed: PlacedBox, side: str) -> bool:
        """Whether no arrow within the column meets this side of a box."""
        return not any(placed.box.key in getattr(one, side) for one in self._graph.arrows if id(one) not in self._gaps)


def crossed(layout: Layout, routes: list[Route]) -> list[tuple[str, str]]:
    """Arrows and boxes that a line of them passes through: none in a picture that can be read."""
    return [
        (f"{', '.join(route.arrow.targets)} after {', '.join(route.arrow.sources)}", placed.box.key)
        for route in routes
        for segment in (*route.line, *route.stems)
        for placed in layout.boxes.values()
        if _inside(segment, placed.rect)
    ]


def _inside(segment: Segment, rect: Rect) -> bool:
    (x1, y1), (x2, y2) = segment
    return max(x1, x2) > rect.x and min(x1, x2) < rect.right and max(y1, y2) > rect.y and min(y1, y2) < rect.bottom
