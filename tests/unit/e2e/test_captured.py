"""The comparison of captured runs can fail."""

from __future__ import annotations

import pytest

from tests.e2e import captured

PRINTED = "one\n  two   2026-01-01 00:00:00\nthree 12s\nfour\n"


@pytest.mark.parametrize(
    "lines", [["one", "two 2027-02-02 01:01:01"], ["one", "...", "three 1m3s"], ["...", "four"], ["three 9s", "four"]]
)
def test_check_captured_accepts(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr(captured, "block", lambda name: lines)
    captured.check_captured("a-run", PRINTED)


@pytest.mark.parametrize(
    "lines", [["one", "three 1s"], ["two"], ["four", "one"], ["...", "five"], ["one", "...", "zero"]]
)
def test_check_captured_refuses(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr(captured, "block", lambda name: lines)
    with pytest.raises(AssertionError, match="a-run: the documentation"):
        captured.check_captured("a-run", PRINTED)


def test_progress_between_two_lines_is_no_line() -> None:
    printed = "\n".join(captured.block("preview-max-pods"))
    captured.check_captured("preview-max-pods", printed.replace("Resources:", "@ previewing update....\nResources:"))
    with pytest.raises(AssertionError, match="omits a line before: Resources:"):
        captured.check_captured("preview-max-pods", printed.replace("Resources:", "    ~ another row\nResources:"))
