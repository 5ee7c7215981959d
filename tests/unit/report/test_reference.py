"""docs/reference/report.md is what the records say, and the samples in the documentation are what the program prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from report import drift_formats
from report.build import build
from report.drift import judge
from report.reference import reference
from report.terminal import Terminal
from tests.unit.report.recorded import recorded, streams
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
        ("docs/how-to/read-a-plan.md", "drift"),
        ("docs/how-to/read-a-plan.md", "certificates"),
        ("docs/how-to/read-a-plan.md", "roll"),
    ],
)
def test_sample_is_printed(page: str, case: str) -> None:
    lines = [line for line in Terminal().render(recorded(case)).splitlines() if not line.startswith("happened: ")]
    assert "\n".join(lines) in (ROOT / page).read_text()


def test_sample_of_an_outcome_is_printed() -> None:
    assert Terminal().outcome(recorded("roll")) in (ROOT / "docs/how-to/read-a-plan.md").read_text()


def test_sample_of_drift_is_printed() -> None:
    [stream] = streams("drift-preview")
    found = judge(build(stream), stream.policy, NOW)
    assert drift_formats.text(found) in (ROOT / "docs/how-to/check-for-drift.md").read_text()
