"""The cluster of the tests of the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.config.model import Cluster
from tests import clusters


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return clusters.load(tmp_path)
