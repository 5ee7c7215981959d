"""The report of recorded runs in each format: tests/golden/report/<case>.{txt,md,json,html}."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from report import data, html, markdown
from report.terminal import Terminal
from tests.unit.report.recorded import CASES, recorded

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("case", CASES)
def test_terminal(golden: Golden, case: str) -> None:
    golden(f"report/{case}.txt", Terminal().render(recorded(case)))


@pytest.mark.parametrize("case", CASES)
def test_markdown(golden: Golden, case: str) -> None:
    golden(f"report/{case}.md", markdown.render(recorded(case)))


@pytest.mark.parametrize("case", ["flag", "drift", "objects"])
def test_json(golden: Golden, case: str) -> None:
    golden(f"report/{case}.json", data.to_json(recorded(case)))


@pytest.mark.parametrize("case", ["drift", "objects"])
def test_html(golden: Golden, case: str) -> None:
    golden(f"report/{case}.html", html.render(recorded(case)))
