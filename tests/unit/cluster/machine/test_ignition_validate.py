"""The rendered Ignition configurations are valid, by Ignition's own validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.config.model import OperatingSystem
from tests.tools.ignition_validate import problems

RENDERED = sorted((Path(__file__).resolve().parents[3] / "golden").rglob("ignition/*.json"))


def test_ignition_has_golden_file_per_system() -> None:
    assert [file.stem for file in RENDERED] == sorted(OperatingSystem)


@pytest.mark.parametrize("file", RENDERED, ids=lambda file: file.stem)
def test_ignition_is_valid(file: Path) -> None:
    assert problems(file.read_text()) == ""


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"ignition": {"version": "3.3.0"}, "storage": {"files": [{"path": "etc/x"}]}}, "path not absolute"),
        ({"ignition": {"version": "3.3.0"}, "storage": {"fles": []}}, "unused key fles"),
        ({"ignition": {"version": "3.99.0"}}, "unsupported config version"),
        ({"ignition": {"version": "3.3.0"}, "storage": {"files": [{"path": "/x"}, {"path": "/x"}]}}, "duplicate"),
    ],
    ids=["relative-path", "unknown-key", "unknown-version", "same-file-twice"],
)
def test_ignition_validate_reports_problem(config: dict[str, Any], problem: str) -> None:
    assert problem in problems(json.dumps(config))
