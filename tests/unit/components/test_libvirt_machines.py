"""The resources that the libvirt machines register."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from cluster.config.load import load_config
from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs
from tests.unit.cluster.config.conftest import LIBVIRT, changed
from tests.unit.components.recorder import record

IMAGE = "machines/libvirt/image"
VOLUMES = {"proof-machines-base", "proof-machines-m1-disk", "proof-machines-w1-disk"}
BOOT = {"proof-machines-kernel", "proof-machines-initrd"}


@pytest.mark.parametrize(
    ("change", "boot"),
    [({}, set()), ({f"{IMAGE}/kernel": "vmlinuz", f"{IMAGE}/initrd": "initrd"}, BOOT)],
    ids=["boot from disk", "direct kernel boot"],
)
def test_volumes_contain_boot_files_only_if_configured(tmp_path: Path, change: dict[str, Any], boot: set[str]) -> None:
    cluster = load_config(changed(copy.deepcopy(LIBVIRT), change), tmp_path)
    recorder = record(lambda: KubernetesCluster("proof", KubernetesClusterArgs(cluster)).nodes, preview=True)
    assert {one.name for one in recorder.of_type(":Volume")} == VOLUMES | boot
    network = recorder.named("proof-machines-network").inputs
    assert (network["bridge"], network["addresses"]) == ("pb-proof", ["10.77.0.0/24"])
    domain = recorder.named("proof-machines-w1-domain").inputs
    assert (domain["memory"], domain["vcpu"], "kernel" in domain) == (2048, 2, bool(boot))
