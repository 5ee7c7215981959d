"""The rendered text of each role, system and profile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster import classic, config, ignition, kubeconfig, kubelet, paths, runtime
from cluster.model import Cluster, OperatingSystem

Golden = Callable[[str, str], None]
SHA = "ab" * 32
VALUES: dict[str, Any] = {
    "cluster": {"name": "golden", "domain": "cluster.local"},
    "machines": {"source": "libvirt", "os": "debian", "libvirt": {"image": {"path": "base.qcow2", "sha256": SHA}}},
    "nodes": {
        "m1": {"role": "control-plane", "address": "10.77.0.11"},
        "m2": {"role": "control-plane", "address": "10.77.0.12"},
        "m3": {"role": "control-plane", "address": "10.77.0.13"},
        "w1": {
            "role": "worker",
            "address": "10.77.0.21",
            "labels": {"node.kubernetes.io/pool": "general", "disk": "ssd"},
            "taints": ["dedicated=database:NoSchedule"],
            "kubelet": {"maxPods": 60, "authentication": {"webhook": {"cacheTTL": "1m"}}},
        },
    },
    "kubelet": {"systemReserved": {"cpu": "200m"}},
    "kubernetes": {"artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "SHA256SUMS"}},
}
ARTIFACTS = (
    "kubernetes/v1.36.3/kubelet",
    "containerd/v2.2.1/containerd",
    "containerd/v2.2.1/containerd-shim-runc-v2",
    "containerd/v2.2.1/ctr",
    "runc/v1.3.4/runc",
    "images/pause-3.10.1.tar",
)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "SHA256SUMS").write_text("".join(f"{SHA}  {name}\n" for name in ARTIFACTS))
    found = config.load(VALUES, tmp_path)
    assert found.libvirt is not None
    return found


@pytest.mark.parametrize("index", [0, 3], ids=["control-plane", "worker"])
def test_standard(cluster: Cluster, golden: Golden, index: int) -> None:
    node = cluster.nodes[index]
    for path, file in {**runtime.state(cluster, node).files, **kubelet.state(cluster, node).files}.items():
        if file.content is not None:
            golden(f"standard/{node.role}{path.replace('/', '_')}", file.content)
        else:
            assert file.source is not None, path


@pytest.mark.parametrize("index", [0, 3], ids=["master", "worker"])
def test_classic(cluster: Cluster, golden: Golden, index: int) -> None:
    node = cluster.nodes[index]
    for path, text in classic.render(cluster, node).items():
        golden(f"classic/{node.role}{path.replace('/', '_')}", text)


@pytest.mark.parametrize("system", list(OperatingSystem))
def test_ignition(cluster: Cluster, golden: Golden, system: OperatingSystem) -> None:
    text = ignition.render(
        replace(cluster, operating_system=system),
        cluster.nodes[0],
        ["ssh-ed25519 AAAAlogin\n"],
        "the host key\n",
        "ssh-ed25519 AAAAhost\n",
    )
    golden(f"ignition/{system}.json", text + "\n")
    written = json.loads(text)
    assert written["ignition"]["version"] == "3.3.0"
    assert "kubernetes" not in text


def test_kubeconfigs_name_no_single_master(cluster: Cluster) -> None:
    text = kubeconfig.node(cluster)
    assert "https://api.golden.cluster.local:6443" in text
    assert "10.77.0." not in text
    assert paths.KUBELET_CLIENT_KEY in text


def test_removing_a_node_touches_no_other(cluster: Cluster, tmp_path: Path) -> None:
    fewer = config.load({**VALUES, "nodes": {k: v for k, v in VALUES["nodes"].items() if k != "w1"}}, tmp_path)
    for node in fewer.nodes:
        assert kubelet.state(fewer, node) == kubelet.state(cluster, node)
        assert runtime.state(fewer, node) == runtime.state(cluster, node)
