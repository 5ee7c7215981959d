"""The picture of a cluster with many workers, tests/golden/graph. That of the documentation is held by test_reference.py."""

from __future__ import annotations

from collections.abc import Callable

from cluster.graph.svg import svg
from tests.unit.cluster.graph.samples import drawn


def test_svg(golden: Callable[[str, str], None]) -> None:
    golden("graph/workers.svg", svg(drawn(3, 40)))
