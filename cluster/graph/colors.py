"""Colours and shapes of the picture, as CSS for a light page, a dark one, or either."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cluster.graph.model import SHARED
from cluster.step import CA

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"

SHAPES = {
    CA.KUBERNETES: "M-4.5-4.5h9v9h-9z",
    CA.ETCD: "M0-5.2a5.2 5.2 0 1 0 .01 0z",
    CA.FRONT_PROXY: "M0-5.6 5.6 4.6h-11.2z",
    SHARED: "M0-6 6 0 0 6-6 0z",
}
"""A mark per CA, and one for shared keys: they differ in shape, not in colour only."""


class Variant(StrEnum):
    """The page that a picture is for."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours. Text has a contrast of at least 4.5 to each fill that it is on, lines and marks of at least 3."""

    page: str
    panel: str
    text: str
    faint: str
    frame: str
    line: str
    across: str
    control: str
    worker: str
    marks: tuple[str, ...]


LIGHT = Palette(
    page="#ffffff",
    panel="#f4f6f9",
    text="#1b2430",
    faint="#4d5b6b",
    frame="#c3ccd7",
    line="#66758a",
    across="#4353c4",
    control="#d3e9dc",
    worker="#f1e7cf",
    marks=("#1f6fb2", "#b3541e", "#7a3fb0", "#5c6773"),
)
DARK = Palette(
    page="#12181f",
    panel="#1c2530",
    text="#e8edf3",
    faint="#b4c0cd",
    frame="#3a4757",
    line="#8695a8",
    across="#9aa7ff",
    control="#1f4a38",
    worker="#51421c",
    marks=("#6cb6f5", "#f2a46b", "#c9a0f0", "#b4c0cd"),
)

FIXED = (
    "text{font-size:13px}.b{font-weight:600}.s{font-size:11.5px}.h{font-size:15px;font-weight:600}"
    ".line,.across{fill:none;stroke-width:1.6}.dashed{stroke-dasharray:4 3}.hover{fill:none;stroke:transparent;stroke-width:12}"
)


def style(variant: Variant) -> str:
    """The CSS of a variant. `auto` follows the reader's system."""
    colors = _rules(DARK if variant is Variant.DARK else LIGHT)
    dark = f"@media (prefers-color-scheme:dark){{{_rules(DARK)}}}" if variant is Variant.AUTO else ""
    return FIXED + colors + dark


def _rules(palette: Palette) -> str:
    fills = ("page", "panel", "text", "faint", "control", "worker")
    found = [f".{name}{{fill:{getattr(palette, name)}}}" for name in fills]
    found += [f".mark{index}{{fill:{color}}}" for index, color in enumerate(palette.marks)]
    found += [f".{name}{{stroke:{getattr(palette, name)}}}" for name in ("frame", "line", "across")]
    found += [f".{name}-end{{fill:{getattr(palette, name)}}}" for name in ("line", "across")]
    return "".join(found)
