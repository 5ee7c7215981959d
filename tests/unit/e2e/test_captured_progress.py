"""The engine's progress lines are no part of a captured run."""

from __future__ import annotations

import pytest

from tests.e2e.captured import block, check_captured


def test_progress_between_two_lines_is_no_line() -> None:
    printed = "\n".join(block("preview-max-pods"))
    check_captured("preview-max-pods", printed.replace("Resources:", "@ previewing update....\nResources:"))
    with pytest.raises(AssertionError, match="omits a line before: Resources:"):
        check_captured("preview-max-pods", printed.replace("Resources:", "    ~ another row\nResources:"))
