"""The manifests of each add-on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.addons import coredns, rbac
from cluster.addons.addon import Manifest
from cluster.rendering import dump_yaml
from tests import clusters


@pytest.mark.parametrize("name", ["rbac", "dns"])
def test_add_on_manifests(tmp_path: Path, golden: Callable[[str, str], None], name: str) -> None:
    manifests: list[Manifest] = rbac.manifests() if name == "rbac" else coredns.manifests(clusters.load(tmp_path))
    golden(f"add-ons/{name}.yaml", dump_yaml(*manifests))
