"""docs/reference/report.md is what the records say, and the samples in the documentation are what the program prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from report import drift_formats
from report.build import build
from report.drift import judge
from report.reference import reference
from report.terminal import Terminal
from tests.tools import plan_examples
from tests.unit.report.recorded import forecast, recorded, streams
from tests.unit.report.test_drift import NOW

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "report.md"


def test_reference_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "run: python -m report.reference >docs/reference/report.md"


@pytest.mark.parametrize(
    ("page", "case"),
    [
        ("README.md", "flag"),
        ("docs/how-to/read-a-plan.md", "flag"),
        ("docs/how-to/read-a-plan.md", "objects"),
        ("docs/how-to/read-a-plan.md", "objects-notread"),
    ],
)
def test_sample_is_printed(page: str, case: str) -> None:
    assert f"```text\n{Terminal().render(forecast(case))}```\n" in (ROOT / page).read_text()


def test_examples_are_printed() -> None:
    assert plan_examples.PAGE.read_text() == plan_examples.page(), "run: python -m tests.tools.plan_examples"


def test_pictures_of_the_examples_exist_and_are_small() -> None:
    pictures = ROOT / "docs/assets/report"
    wanted = {f"{name}-{size}.png" for name in plan_examples.PICTURED for size in ("desktop", "400")}
    assert {file.name for file in pictures.iterdir()} == wanted
    assert max(file.stat().st_size for file in pictures.iterdir()) <= 150_000


@pytest.mark.parametrize("case", ["roll", "objects"])
def test_sample_of_an_outcome_is_printed(case: str) -> None:
    assert Terminal().outcome(recorded(case)) in (ROOT / "docs/how-to/read-a-plan.md").read_text()


@pytest.mark.parametrize("case", ["drift", "objects-drift"])
def test_sample_of_drift_is_printed(case: str) -> None:
    [stream] = streams(f"{case}-preview")
    found = judge(build(stream), stream.policy, NOW)
    assert drift_formats.text(found) in (ROOT / "docs/how-to/check-for-drift.md").read_text()
