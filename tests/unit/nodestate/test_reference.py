"""docs/reference/nodestate.md is what the schema says."""

from __future__ import annotations

from pathlib import Path

from nodestate.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "nodestate.md"


def test_reference_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "run: python -m nodestate.reference >docs/reference/nodestate.md"
