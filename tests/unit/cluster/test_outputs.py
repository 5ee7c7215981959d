"""The stack's outputs from what steps print."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import outputs
from tests import clusters


@pytest.mark.parametrize("printed", [None, "", "[]", "(a line with a secret)"])
def test_no_members_are_told_if_none_were_printed(printed: str | None, tmp_path: Path) -> None:
    """The last one is what the provider makes of a line that looks like a secret: no reason to end a run."""
    assert outputs.etcd_members(clusters.load(tmp_path), printed) == []
