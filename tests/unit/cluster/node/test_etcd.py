"""etcd's settings and checks."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from cluster.config.model import Cluster
from cluster.node import etcd


def test_etcd_settings_contain_own_address_only(cluster: Cluster) -> None:
    """A member that joins or leaves must not restart the others: the list of first members is in a separate file."""
    for node in cluster.control_plane_nodes():
        text = repr(etcd.settings(cluster, node))
        for other in cluster.control_plane_nodes():
            assert (str(other.address) in text) == (other.name == node.name)


def test_etcd_health_check_asks_other_members(cluster: Cluster) -> None:
    check = etcd.health_check(cluster, cluster.nodes[0]) or ""
    assert "m2=https://10.77.0.12:2379=https://10.77.0.12:2380" in check
    assert "m3=https://10.77.0.13:2379=https://10.77.0.13:2380" in check
    assert "10.77.0.11" not in check
    assert "quorum=2\n" in check


def test_etcd_scripts_use_no_wall_clock(cluster: Cluster) -> None:
    state = etcd.plan(cluster, cluster.nodes[0]).state
    scripts = [hook.script for hook in (*state.pre_start, *state.pre_delete)]
    scripts += [etcd.removal_check(cluster), etcd.membership(cluster, cluster.nodes[0]), state.probes["member"].command]
    for script in scripts:
        assert "date +" not in script
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_etcd_health_check_of_single_member_is_none(cluster: Cluster) -> None:
    alone = replace(cluster, nodes=(cluster.nodes[0], cluster.nodes[3]))
    assert etcd.health_check(alone, alone.nodes[0]) is None


def test_etcd_removal_check_asks_all_members(cluster: Cluster) -> None:
    check = etcd.removal_check(cluster)
    assert all(f"{node.name}=https://{node.address}:2379" in check for node in cluster.control_plane_nodes())
