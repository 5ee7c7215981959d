"""Writes the picture as SVG: one file without scripts and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from cluster.graph import layout as places
from cluster.graph.colors import FONT, SHAPES, Variant, style
from cluster.graph.layout import NARROW, WIDE, Layout, PlacedBox, PlacedGroup, Rect
from cluster.graph.model import SHARED, Graph
from cluster.graph.routes import Route, Router, Segment
from cluster.graph.text import width
from nodestate.names import names

ORIGINS = tuple(SHAPES)
MARK = 30
"""Width of a mark with its number."""

LEGEND_LINE = 20


def svg(graph: Graph, narrow: bool = False, variant: Variant = Variant.AUTO) -> str:
    """The picture of a graph. The same graph gives the same text."""
    router = Router(graph)
    layout = places.place(graph, NARROW if narrow else WIDE, router.tracks())
    legend, height = _legend(layout)
    parts = [
        *_head(graph, layout),
        *_columns(layout),
        *(line for route in router.routes(layout) for line in _route(route)),
        *(line for placed in layout.boxes.values() for line in _box(placed, layout.style.pad)),
        *_groups(layout),
        *legend,
    ]
    size = f'viewBox="0 0 {layout.width:g} {height:g}" width="{layout.width:g}" height="{height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc" font-family="{FONT}">\n'
        f'<title id="title">{escape(_title(graph))}</title>\n<desc id="desc">{escape(_description(graph))}</desc>\n'
        f"<style>{style(variant)}</style>\n<defs>{_arrowhead('line')}{_arrowhead('across')}</defs>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _title(graph: Graph) -> str:
    control, workers = (
        sum(len(one.nodes) for one in graph.columns if one.control_plane is role) for role in (True, False)
    )
    told = [_count(control, "control-plane node"), *([_count(workers, "worker")] if workers else [])]
    return f"Cluster {graph.name}: {', '.join(told)}"


def _description(graph: Graph) -> str:
    """Everything in the picture as text, for readers that do not see it."""
    told = [f"Kubernetes {graph.version}."]
    for box in graph.boxes:
        about = [*box.units, *([_count(box.files, "file")] if box.files else [])]
        waits = f" Waits for {'; '.join(box.waits)}." if box.waits else ""
        told.append(f"{box.key}{': ' + ', '.join(about) if about else ''}.{waits}")
    for group in graph.groups:
        members = "; ".join(f"{where}: {', '.join(listed)}" for where, listed in group.members)
        told.append(f"{group.name}, {group.count}: {members}.")
    return " ".join(told)


def _head(graph: Graph, layout: Layout) -> Iterator[str]:
    cluster, _, numbers = _title(graph).partition(": ")
    yield '<rect class="page" width="100%" height="100%" rx="8"/>'
    yield _text(layout.style.margin, 27, cluster, "text h")
    yield _text(layout.style.margin, 46, f"{numbers}, Kubernetes {graph.version}", "faint")


def _columns(layout: Layout) -> Iterator[str]:
    pad = layout.style.pad
    for column, rect in layout.columns.items():
        if len(column.nodes) > 1:
            yield _rect(Rect(rect.x + 4, rect.y - 4, rect.width, rect.height), "panel frame", 10)
        yield _rect(rect, "panel frame", 10)
        yield _text(rect.x + pad, rect.y + 22, column.name, "text h")
        for index, line in enumerate(column.about):
            yield _text(rect.x + pad, rect.y + 38 + 14 * index, line, "faint s")


def _box(placed: PlacedBox, pad: float) -> Iterator[str]:
    box, rect = placed.box, placed.rect
    nodes = names(node.name for node in box.column.nodes)
    kind = "command" if box.runs_once else f"{_count(box.files, 'file')}, {', '.join(box.units)}"
    title = "\n".join(
        [f"{box.component}{' on ' + nodes if nodes else ''}: {kind}", *(f"after {one}" for one in box.waits)]
    )
    role = "control" if box.column.control_plane else "worker"
    fill = "panel line dashed" if box.runs_once else f"{role} line"
    yield f"<g><title>{escape(title)}</title>{_rect(rect, fill)}"
    x, y = rect.x + pad, rect.y + places.BOX_TOP - 4
    for line in placed.name:
        y += places.NAME_LINE
        yield _text(x, y, line, "text b")
    files = [(_count(box.files, "file"), "faint s")] if box.files else []
    for line, look in [*((one, "text s") for one in placed.units), *files]:
        y += places.SMALL_LINE
        yield _text(x, y, line, look)
    for index, (origin, number) in enumerate(box.issued):
        yield _mark(origin, x + 5 + MARK * index, y + 13) + _text(x + 14 + MARK * index, y + 17, str(number), "text s")
    yield "</g>"


def _route(route: Route) -> Iterator[str]:
    kind = "across" if route.across else "line"
    sources = ", ".join(route.arrow.sources)
    if route.line:
        title = "\n".join(
            f"{target} after {sources}: {'; '.join(why)}"
            for target, why in zip(route.arrow.targets, route.arrow.reasons, strict=True)
        )
        dots = "".join(f'<circle class="{kind}-end" cx="{x:g}" cy="{y:g}" r="3"/>' for x, y in route.dots)
        yield f"<g><title>{escape(title)}</title>{_lines(route.line, kind)}{dots}</g>"
    for target, stem, why in zip(route.arrow.targets, route.stems, route.arrow.reasons, strict=True):
        title = f"{target} after {sources}: {'; '.join(why)}"
        yield f"<g><title>{escape(title)}</title>{_lines([stem], kind, head=True)}</g>"


def _groups(layout: Layout) -> Iterator[str]:
    yield _text(layout.style.margin, layout.groups_top - 14, "Certificates and keys", "text h")
    for placed in layout.groups:
        yield from _group(placed, layout.style.pad)


def _group(placed: PlacedGroup, pad: float) -> Iterator[str]:
    rect, group = placed.rect, placed.group
    yield _rect(rect, "page frame")
    yield _mark(group.of, rect.x + pad + 6, rect.y + 16) + _text(rect.x + pad + 18, rect.y + 20, group.name, "text b")
    told = "signed by no CA" if group.of == SHARED else f"signs {_count(group.count, 'certificate')}"
    yield _text(rect.x + pad, rect.y + 38, told, "faint s")
    y = rect.y + 40
    for line, heading in placed.lines:
        y += places.SMALL_LINE + 3
        yield _text(rect.x + pad, y, line, "faint s b" if heading else "text s")


def _legend(layout: Layout) -> tuple[list[str], float]:
    """The meaning of shapes, in as many lines as needed, and where the last one ends."""
    x, y = layout.style.margin, layout.bottom + 30
    found: list[str] = []

    def sample(kind: str) -> str:
        return _rect(Rect(x, y - 11, 22, 14), kind, 4)

    samples = {
        "files and units": lambda: sample("control line"),
        "the same on a worker": lambda: sample("worker line"),
        "command": lambda: sample("panel line dashed"),
        "after": lambda: _lines([((x, y - 4), (x + 22, y - 4))], "line", head=True),
        "after steps of other nodes": lambda: _lines([((x, y - 4), (x + 22, y - 4))], "across", head=True),
        "number of certificates of this CA": lambda: _mark(ORIGINS[0], x + 16, y - 4),
        "An arrow that others imply is left out.": None,
        "No CA key is on a node.": None,
    }
    for label, draw in samples.items():
        shift = 28 if draw else 0
        size = shift + width(label, places.SMALL)
        if x > layout.style.margin and x + size > layout.width - layout.style.margin:
            x, y = layout.style.margin, y + LEGEND_LINE
        found.append((draw() if draw else "") + _text(x + shift, y, label, "faint s"))
        x += size + 14
    return found, y + 16


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _text(x: float, y: float, line: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(line)}</text>'


def _rect(rect: Rect, kind: str, radius: int = 7) -> str:
    return f'<rect x="{rect.x:g}" y="{rect.y:g}" width="{rect.width:g}" height="{rect.height:g}" rx="{radius}" class="{kind}"/>'


def _mark(origin: str, x: float, y: float) -> str:
    return f'<path class="mark{ORIGINS.index(origin)}" transform="translate({x:g} {y:g})" d="{SHAPES[origin]}"/>'


def _lines(segments: Iterable[Segment], kind: str, head: bool = False) -> str:
    """Lines with a wide transparent one above each, so that a pointer finds their title."""
    path = "".join(f"M{x1:g} {y1:g}L{x2:g} {y2:g}" for (x1, y1), (x2, y2) in segments)
    end = f' marker-end="url(#{kind}-head)"' if head else ""
    return f'<path class="{kind}" d="{path}"{end}/><path class="hover" d="{path}"/>'


def _arrowhead(kind: str) -> str:
    return (
        f'<marker id="{kind}-head" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path class="{kind}-end" d="M0 1 9 5 0 9z"/></marker>'
    )
