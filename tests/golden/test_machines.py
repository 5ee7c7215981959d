"""The Ignition configuration of a VM per operating system."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.model import Libvirt, OperatingSystem
from cluster.machine import ignition
from tests import clusters


@pytest.mark.parametrize("system", list(OperatingSystem))
def test_ignition_configuration(tmp_path: Path, golden: Callable[[str, str], None], system: OperatingSystem) -> None:
    cluster = clusters.load(tmp_path)
    assert isinstance(cluster.machines, Libvirt)
    text = ignition.render(
        cluster.name,
        replace(cluster.machines, operating_system=system),
        cluster.nodes[0],
        ["ssh-ed25519 AAAAlogin\n"],
        "the host key\n",
        "ssh-ed25519 AAAAhost\n",
    )
    golden(f"ignition/{system}.json", text + "\n")
    assert json.loads(text)["ignition"]["version"] == "3.3.0"
    assert "kubernetes" not in text
