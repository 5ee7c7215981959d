"""The SVG: whole, self-contained, and readable in both palettes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from cluster.graph.colors import DARK, LIGHT, Palette, Variant
from cluster.graph.model import graph
from cluster.graph.svg import svg
from tests.unit.cluster.graph.samples import cluster, drawn

NAME = "{http://www.w3.org/2000/svg}"


def test_svg_has_title_and_description_and_nothing_from_elsewhere() -> None:
    text = svg(drawn())
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert title.text == "Cluster example: 3 control-plane nodes, 1 worker"
    assert "w1 network: kube-proxy.service, 7 files. Waits for" in str(description.text)
    allowed = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g", "circle"}
    assert {one.tag.removeprefix(NAME) for one in root.iter()} <= allowed
    assert not re.search(r"href|@import|url\((?!#)", text)
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on")]


def test_svg_is_the_same_each_time() -> None:
    assert svg(graph(cluster())) == svg(drawn())


def test_arrows_have_their_reasons_as_titles() -> None:
    root = ET.fromstring(svg(drawn()))
    titles = {str(one.text) for one in root.iter(f"{NAME}title")}
    assert "w1 kubelet after w1 runtime: the kubelet exits without a container runtime" in titles
    assert "m2 control-plane after example-etcd-quorum: an API server without etcd exits" in titles


def test_svg_escapes_text() -> None:
    text = svg(drawn()).replace("Cluster example", "")
    assert "&" not in re.sub(r"&(?:amp|lt|gt|quot|#x27);", "", text)


@pytest.mark.parametrize(("variant", "colors"), [("light", (LIGHT,)), ("dark", (DARK,)), ("auto", (LIGHT, DARK))])
def test_variant_has_its_colors(variant: str, colors: tuple[Palette, ...]) -> None:
    text = svg(drawn(), variant=Variant(variant))
    assert [one for one in (LIGHT, DARK) if f".text{{fill:{one.text}}}" in text] == list(colors)
    assert ("prefers-color-scheme" in text) == (variant == "auto")


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    """The contrast ratio of WCAG."""
    low, high = sorted((_luminance(one), _luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(palette: Palette) -> None:
    fills = (palette.page, palette.panel, palette.control, palette.worker)
    assert min(contrast(text, fill) for text in (palette.text, palette.faint) for fill in fills) >= 4.5
    assert min(contrast(mark, fill) for mark in palette.marks for fill in fills) >= 3
    assert min(contrast(line, palette.panel) for line in (palette.line, palette.across)) >= 3
