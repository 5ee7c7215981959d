"""Places and sizes of columns, boxes and certificates. All numbers are pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from cluster.graph.model import Box, Column, Graph, Group
from cluster.graph.text import listed, pieces, width, wrapped

LANE_GAP = 8
ROW_GAP = 20
TRACK = 9
TITLE = 58
HEADER = 64
HEAD, NAME, SMALL = 15, 13, 11.5
NAME_LINE, SMALL_LINE = 16, 14
BOX_TOP, BOX_BOTTOM = 5, 7
MARKS = 18
"""Height of the line with the numbers of certificates."""

CARD = 220
"""The least width of a card of certificates if all are beside each other."""


@dataclass(frozen=True)
class Rect:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """Half way from left to right."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class PlacedBox:
    """A box with the lines of its name and of its units. `lane` says that others of its column are beside it."""

    box: Box
    rect: Rect
    name: tuple[str, ...]
    units: tuple[str, ...]
    lane: bool


@dataclass(frozen=True)
class PlacedGroup:
    """A group of certificates. Its lines, and whether each is a heading with names of nodes."""

    group: Group
    rect: Rect
    lines: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Style:
    """The distances of a picture. With `breaks`, names may be in several lines."""

    margin: float = 14
    between: float = 14
    pad: float = 8
    breaks: bool = False


WIDE = Style()
NARROW = Style(margin=8, between=8, pad=6, breaks=True)
"""For a screen of 400 pixels."""


@dataclass
class Layout:
    """The places of everything but arrows. `tops` and `bottoms` are those of each row of boxes."""

    style: Style
    width: float = 0
    columns: dict[Column, Rect] = field(default_factory=dict)
    boxes: dict[str, PlacedBox] = field(default_factory=dict)
    tops: list[float] = field(default_factory=list)
    bottoms: list[float] = field(default_factory=list)
    groups: list[PlacedGroup] = field(default_factory=list)
    groups_top: float = 0
    bottom: float = 0


def place(graph: Graph, style: Style, tracks: dict[int, int]) -> Layout:
    """The layout of a graph. `tracks` is the number of lines across columns below each row."""
    found = Layout(style)
    lanes = _lanes(graph)
    x = style.margin
    for column in graph.columns:
        size = _column_width(graph, column, lanes, style)
        found.columns[column] = Rect(x, TITLE, size, 0)
        x += size + style.between
    found.width = x - style.between + style.margin
    y: float = TITLE + HEADER
    for row, boxes in enumerate(rows(graph)):
        found.tops.append(y)
        for box in boxes:
            found.boxes[box.key] = _box(box, found.columns[box.column], y, lanes, style)
        found.bottoms.append(max(found.boxes[box.key].rect.bottom for box in boxes))
        y = found.bottoms[-1] + ROW_GAP + TRACK * tracks.get(row, 0)
    end = found.bottoms[-1] + style.pad
    found.columns = {column: Rect(rect.x, rect.y, rect.width, end - rect.y) for column, rect in found.columns.items()}
    found.groups_top = end + 44
    found.bottom = _groups(graph, found)
    return found


def rows(graph: Graph) -> list[list[Box]]:
    """The boxes of each row."""
    found: list[list[Box]] = [[] for _ in range(max(box.row for box in graph.boxes) + 1)]
    for box in graph.boxes:
        found[box.row].append(box)
    return found


def unit(name: str) -> str:
    """A unit's name, short if it is a service."""
    return name.removesuffix(".service")


Lanes = dict[str, tuple[int, int]]
"""The lane of each box that shares its row with others of its column, and their number."""


def _lanes(graph: Graph) -> Lanes:
    """Boxes of one row and column are beside each other, in the order of the boxes of their column that they wait for."""
    lanes: Lanes = {}
    column = {box.key: box.column for box in graph.boxes}
    above = {
        target: source
        for arrow in graph.arrows
        for target in arrow.targets
        for source in arrow.sources
        if column[source] is column[target]
    }
    for boxes in rows(graph):
        for one in graph.columns:
            mates = [box for box in boxes if box.column is one]
            mates.sort(key=lambda box: lanes.get(above.get(box.key, ""), (len(lanes), 0))[0])
            if len(mates) > 1:
                lanes |= {box.key: (index, len(mates)) for index, box in enumerate(mates)}
    return lanes


def _column_width(graph: Graph, column: Column, lanes: Lanes, style: Style) -> float:
    """Wide enough for every name. Names in lanes may break everywhere, others only if the style says so."""
    needed = [width(column.name, HEAD, bold=True), *(width(line, SMALL) for line in column.about)]
    for box in graph.boxes:
        if box.column is column:
            _, count = lanes.get(box.key, (0, 1))
            names = pieces(box.component) if count > 1 or style.breaks else [box.component]
            units = [piece for one in box.units for piece in (pieces(unit(one)) if style.breaks else [unit(one)])]
            least = max(
                [*(width(one.strip(), NAME, bold=True) for one in names), *(width(one, SMALL) for one in units)]
            )
            needed.append(count * (least + 2 * style.pad) + (count - 1) * LANE_GAP)
    return ceil(max(needed) + 2 * style.pad)


def _box(box: Box, column: Rect, y: float, lanes: Lanes, style: Style) -> PlacedBox:
    lane, count = lanes.get(box.key, (0, 1))
    size = (column.width - 2 * style.pad - LANE_GAP * (count - 1)) / count
    # A line of exactly the column's own width must not break.
    inner = size - 2 * style.pad + 0.01
    name = tuple(wrapped(box.component, inner, NAME, bold=True))
    units = tuple(line for one in box.units for line in wrapped(unit(one), inner, SMALL))
    lines = len(units) + bool(box.files)
    height = BOX_TOP + NAME_LINE * len(name) + SMALL_LINE * lines + (MARKS if box.issued else 0) + BOX_BOTTOM
    left = column.x + style.pad + lane * (size + LANE_GAP)
    return PlacedBox(box, Rect(left, y, size, height), name, units, count > 1)


def _groups(graph: Graph, found: Layout) -> float:
    """Places cards of equal width below the columns, all beside each other or two by two; returns where the last one ends."""
    style = found.style
    count = len(graph.groups) if found.width >= len(graph.groups) * CARD else 2
    size = (found.width - 2 * style.margin - (count - 1) * style.between) / count
    y = found.groups_top
    for start in range(0, len(graph.groups), count):
        cards = [(one, _entries(one, size - 2 * style.pad)) for one in graph.groups[start : start + count]]
        height = max(50 + (SMALL_LINE + 3) * len(lines) for _, lines in cards)
        for index, (one, lines) in enumerate(cards):
            rect = Rect(style.margin + index * (size + style.between), y, size, height)
            found.groups.append(PlacedGroup(one, rect, tuple(lines)))
        y += height + style.between
    return y - style.between


def _entries(group: Group, size: float) -> list[tuple[str, bool]]:
    lines: list[tuple[str, bool]] = []
    for where, members in group.members:
        lines += [(line, True) for line in wrapped(where, size, SMALL, bold=True)]
        lines += [(line, False) for line in listed(members, size, SMALL)]
    return lines
