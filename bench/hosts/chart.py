"""The chart of a run as SVG: seconds by number of nodes, a panel per operation. It follows the reader's light or dark page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from bench.hosts.results import Operation, Results, Subject
from cluster.graph.colors import Variant, style

WIDTH, HEIGHT = 1060, 340
PANEL, TOP, BOTTOM, LEFT = 330, 74, 280, 54
GAP = 12
MARKS = (
    "M-4.5-4.5h9v9h-9z",
    "M0-5.2a5.2 5.2 0 1 0 .01 0z",
    "M0-5.6 5.6 4.6h-11.2z",
    "M0-6 6 0 0 6-6 0z",
)
"""A shape per subject: they differ in more than colour."""


def chart(results: Results) -> str:
    """The picture. Both axes are logarithmic, so a straight line of slope one is a cost that grows with the nodes."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, -apple-system, \'Segoe UI\', Roboto, sans-serif" aria-labelledby="title">',
        '<title id="title">Seconds by number of nodes</title>',
        f"<style>{style(Variant.AUTO)}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        *_legend(results),
    ]
    for index, operation in enumerate(Operation):
        parts += _panel(results, operation, LEFT + index * (PANEL + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _legend(results: Results) -> Iterator[str]:
    x = LEFT
    for index, subject in enumerate(Subject):
        if not any(key[2] is subject for key in results.measured):
            continue
        yield f'<path class="mark{index}" d="{MARKS[index]}" transform="translate({x + 6} 20)"/>'
        yield f'<text class="text" x="{x + 18}" y="25">{escape(subject)}</text>'
        x += 34 + 7 * len(subject)


def _panel(results: Results, operation: Operation, left: float) -> Iterator[str]:
    sizes = results.sizes
    points = {subject: _points(results, operation, subject) for subject in Subject}
    values = [seconds for found in points.values() for _, seconds in found]
    yield f'<text class="text b" x="{left}" y="{TOP - 16}">{escape(operation)}</text>'
    if not values:
        yield f'<text class="faint s" x="{left}" y="{TOP + 20}">not measured</text>'
        return
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    wide = PANEL - 110

    def x(nodes: float) -> float:
        span = math.log(sizes[-1] / sizes[0]) or 1
        return left + 20 + wide * math.log(nodes / sizes[0]) / span

    def y(seconds: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log10(seconds) - low) / (high - low)

    for power in range(low, high + 1):
        at = y(10.0**power)
        yield f'<path class="frame" fill="none" d="M{left} {at:.1f}h{PANEL - 70}"/>'
        yield f'<text class="faint s" x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>'
    for nodes in sizes:
        yield f'<text class="faint s" x="{x(nodes):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{nodes}</text>'
    yield f'<text class="faint s" x="{left + 20 + wide / 2:.1f}" y="{BOTTOM + 36}" text-anchor="middle">nodes</text>'
    for index, subject in enumerate(Subject):
        yield from _curve(index, [(x(nodes), y(seconds), seconds) for nodes, seconds in points[subject]])


def _curve(index: int, points: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    if len(points) > 1:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
        yield f'<path class="line" fill="none" d="M{path}"/>'
    for x, y, seconds in points:
        yield f'<path class="mark{index}" d="{MARKS[index]}" transform="translate({x:.1f} {y:.1f})"/>'
        yield f'<text class="text s" x="{x + 8:.1f}" y="{y - 6:.1f}">{seconds:.3g}</text>'


def _points(results: Results, operation: Operation, subject: Subject) -> list[tuple[int, float]]:
    known = [(nodes, results.seconds(nodes, operation, subject)) for nodes in results.sizes]
    return [(nodes, seconds) for nodes, seconds in known if seconds]
