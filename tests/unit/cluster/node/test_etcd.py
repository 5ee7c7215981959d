"""etcd's settings and checks."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.model import Cluster
from cluster.node import etcd, paths


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


# With the file `serving`, the other members serve, and list this one as in `listed`; without it, connections are refused.
CURL = '#!/bin/sh\n[ -e "$WORLD/serving" ] || exit 7\n'
ETCDCTL = """#!/bin/sh
echo "$*" | grep -oE "endpoint status|member [a-z]+" >>"$WORLD/asked"
case "$*" in
*"member list"*) cat "$WORLD/listed" ;;
*"member remove"*) : >"$WORLD/listed" ;;
*"member add"*) echo "1a, unstarted, , https://10.77.0.11:2380, , false" >"$WORLD/listed" ;;
esac
"""


def started(folder: Path, cluster: Cluster) -> list[str]:
    """Runs m1's pre-start hook; what it asked the others for."""
    [hook] = etcd.plan(cluster, cluster.nodes[0]).state.pre_start
    (folder / "bin").mkdir()
    for name, text in {"curl": CURL, "etcdctl": ETCDCTL}.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    script = hook.script.replace("/opt/bin/etcdctl", "etcdctl").replace(paths.ETCD_DATA, str(folder))
    environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "WORLD": str(folder)}
    subprocess.run(["sh", "-eu"], input=script, text=True, env=environment, check=True, timeout=60)
    asked = folder / "asked"
    return asked.read_text().splitlines() if asked.exists() else []


def test_first_member_does_not_wait_for_answers_where_nothing_listens(tmp_path: Path, cluster: Cluster) -> None:
    assert started(tmp_path, cluster) == []
    assert not (tmp_path / "join.env").exists(), "the first members start together"


@pytest.mark.parametrize(
    ("listed", "changes"),
    [
        pytest.param("m1, https://10.77.0.11:2380, , false", [], id="a first member that comes late"),
        pytest.param(
            "m1, https://10.77.0.11:2380, https://10.77.0.11:2379, false",
            ["member remove", "member add"],
            id="a former member without data",
        ),
    ],
)
def test_member_joins_those_that_serve(tmp_path: Path, cluster: Cluster, listed: str, changes: list[str]) -> None:
    (tmp_path / "serving").touch()
    (tmp_path / "listed").write_text(f"2f, started, {listed}\n")
    asked = [one for one in started(tmp_path, cluster) if one not in ("endpoint status", "member list")]
    assert asked == changes
    assert (tmp_path / "join.env").read_text() == (
        "ETCD_INITIAL_CLUSTER=m1=https://10.77.0.11:2380\nETCD_INITIAL_CLUSTER_STATE=existing\n"
    )
