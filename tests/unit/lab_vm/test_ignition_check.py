"""The Ignition that the program renders, judged by Ignition's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.context import LabError
from lab.ignition_check import validate

RENDERED = sorted((Path(__file__).resolve().parents[2] / "golden" / "ignition").glob("*.json"))


def test_every_system_is_rendered() -> None:
    assert [file.stem for file in RENDERED] == ["debian", "fedora-coreos", "flatcar"]


@pytest.mark.parametrize("file", RENDERED, ids=lambda file: file.stem)
def test_what_is_rendered_is_taken(file: Path) -> None:
    validate(file.read_text())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"ignition": {"version": "3.3.0"}, "storage": {"files": [{"path": "etc/x"}]}}, "path not absolute"),
        ({"ignition": {"version": "3.3.0"}, "storage": {"fles": []}}, "unused key fles"),
        ({"ignition": {"version": "3.99.0"}}, "unsupported config version"),
        ({"ignition": {"version": "3.3.0"}, "storage": {"files": [{"path": "/x"}, {"path": "/x"}]}}, "duplicate"),
    ],
    ids=["relative-path", "unknown-key", "unknown-version", "same-file-twice"],
)
def test_what_ignition_would_refuse_or_skip_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(LabError, match="Ignition does not take") as raised:
        validate(json.dumps(config))
    assert said in str(raised.value)
