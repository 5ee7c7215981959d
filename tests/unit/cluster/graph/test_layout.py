"""Nothing in the picture covers anything else."""

from __future__ import annotations

import functools
import itertools

import pytest

from cluster.graph import layout
from cluster.graph.layout import NARROW, WIDE, Layout, Rect, place
from cluster.graph.routes import Route, Router, crossed
from cluster.graph.text import listed, width, wrapped
from tests.unit.cluster.graph.samples import drawn

SIZES = [(1, 0), (1, 1), (3, 1), (3, 12), (5, 2)]


@functools.cache
def placed(control: int, workers: int, narrow: bool) -> tuple[Layout, list[Route]]:
    """The layout and routes of a cluster of this size."""
    found = drawn(control, workers, narrow)
    router = Router(found)
    places = place(found, NARROW if narrow else WIDE, router.tracks())
    return places, list(router.routes(places))


def overlap(one: Rect, two: Rect) -> bool:
    """Whether two rectangles share an area."""
    return one.x < two.right and two.x < one.right and one.y < two.bottom and two.y < one.bottom


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
@pytest.mark.parametrize(("control", "workers"), SIZES)
def test_no_box_covers_another_and_no_line_a_box(control: int, workers: int, narrow: bool) -> None:
    found, routes = placed(control, workers, narrow)
    for one, two in itertools.combinations(found.boxes.values(), 2):
        assert not overlap(one.rect, two.rect), (one.box.key, two.box.key)
    assert crossed(found, routes) == []
    for box in found.boxes.values():
        column = found.columns[box.box.column]
        assert column.x < box.rect.x and box.rect.right < column.right and box.rect.bottom < column.bottom
    assert all(one.rect.right <= found.width for one in found.groups)


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
@pytest.mark.parametrize(("control", "workers"), SIZES)
def test_no_two_lines_across_columns_are_one(control: int, workers: int, narrow: bool) -> None:
    """Two arrows on the same line would look like one from all sources to all targets."""
    _, routes = placed(control, workers, narrow)
    for one, two in itertools.combinations(routes, 2):
        for (a, b), (c, d) in itertools.product((*one.line, *one.stems), (*two.line, *two.stems)):
            for axis in (0, 1):
                other = 1 - axis
                same = a[axis] == b[axis] == c[axis] == d[axis]
                lows, highs = (tuple(sorted(one[other] for one in ends)) for ends in ((a, b), (c, d)))
                assert not (same and lows[0] < highs[1] and highs[0] < lows[1]), (one.arrow, two.arrow)


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
@pytest.mark.parametrize(("control", "workers"), SIZES)
def test_text_is_inside_its_box(control: int, workers: int, narrow: bool) -> None:
    found, _ = placed(control, workers, narrow)
    for box in found.boxes.values():
        inner = box.rect.width - found.style.pad
        assert all(width(line, layout.NAME, bold=True) <= inner for line in box.name)
        assert all(width(line, layout.SMALL) <= inner for line in box.units)
    for card in found.groups:
        assert all(width(line, layout.SMALL, bold) <= card.rect.width - found.style.pad for line, bold in card.lines)


def test_crossing_is_found() -> None:
    found, routes = placed(3, 1, False)
    key, box = next(iter(found.boxes.items()))
    through = ((box.rect.middle, box.rect.y - 5), (box.rect.middle, box.rect.bottom + 5))
    wrong = Route(routes[0].arrow, False, (), (through,))
    assert [one for _, one in crossed(found, [*routes, wrong])] == [key]


def test_picture_for_a_phone_is_narrow() -> None:
    found, _ = placed(3, 1, True)
    assert found.width < 480


def test_lines_of_a_text() -> None:
    assert wrapped("kube-controller-manager", 100, 13) == ["kube-", "controller-", "manager"]
    assert wrapped("control plane ready", 1000, 13) == ["control plane ready"]
    assert list(listed(("one-two", "three", "four"), 90, 13)) == ["one-two,", "three, four"]
