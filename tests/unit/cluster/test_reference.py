"""The generated pages are current."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import reference

PAGES = reference.pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_current(page: Path) -> None:
    assert page.read_text() == PAGES[page], "run `make reference`"


def test_order_is_in_the_architecture_page() -> None:
    [architecture] = [text for page, text in PAGES.items() if page.name == "architecture.md"]
    assert "| kubelet | runtime |" in architecture
