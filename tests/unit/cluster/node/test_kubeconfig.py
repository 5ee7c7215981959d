"""Kubeconfigs, and the lines of /etc/hosts for the API servers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
import yaml

from cluster.config.addresses import Host
from cluster.config.model import Cluster
from cluster.node import kubeconfig, paths
from cluster.plan import plan


def test_kubeconfig_of_kubelet_uses_internal_endpoint(cluster: Cluster) -> None:
    text = kubeconfig.kubelet(cluster)
    assert "https://api.golden.cluster.local:6443" in text
    assert "10.77.0." not in text
    assert paths.KUBELET_CLIENT_KEY in text


@pytest.mark.parametrize(
    ("endpoint", "kind"), [(IPv4Address("10.77.0.5"), "ip_addresses"), ("api.example.org", "dns_names")]
)
def test_kubeconfig_embedded_uses_control_plane_endpoint(cluster: Cluster, endpoint: Host, kind: str) -> None:
    cluster = replace(cluster, kubernetes=replace(cluster.kubernetes, control_plane_endpoint=endpoint))
    assert str(endpoint) not in kubeconfig.kubelet(cluster)
    embedded = yaml.safe_load(kubeconfig.embedded(cluster, endpoint, "admin", "", "", ""))
    assert embedded["clusters"][0]["cluster"]["server"] == f"https://{endpoint}:6443"
    serving = [leaf for leaf in plan(cluster).leaves if leaf.name.endswith("-apiserver")]
    assert len(serving) == 3
    assert all(str(endpoint) in getattr(leaf, kind) for leaf in serving)


def test_hosts_lists_own_api_server_first(cluster: Cluster) -> None:
    assert kubeconfig.hosts(cluster, cluster.nodes[1]).splitlines() == [
        "10.77.0.12 api.golden.cluster.local",
        "10.77.0.11 api.golden.cluster.local",
        "10.77.0.13 api.golden.cluster.local",
    ]
    assert kubeconfig.hosts(cluster, cluster.nodes[3]).split()[0] == "10.77.0.11"
