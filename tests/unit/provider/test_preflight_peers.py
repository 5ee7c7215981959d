"""Which hosts a host dials in the preflight."""

from __future__ import annotations

import pytest

from nodestate import Connection
from provider.preflight import NEAR, Target, peers_of


def targets(number: int) -> dict[str, Target]:
    """Three control-plane nodes and workers, so many in all."""
    connection = Connection(host="127.0.0.1", port=22, user="root", private_key=None, host_key=None)
    names = [f"m{i}" for i in (1, 2, 3)] + [f"w{i}" for i in range(1, number - 2)]
    ports = {name: (10250, 6443) if name.startswith("m") else (10250,) for name in names}
    return {name: Target(connection, "10.0.0.1", "", ports[name]) for name in names}


@pytest.mark.parametrize("number", [1, 3, 4, NEAR + 1])
def test_hosts_of_a_small_cluster_dial_all_others(number: int) -> None:
    hosts = targets(max(number, 3))
    for name in hosts:
        assert set(peers_of(name, hosts)) == set(hosts) - {name}


def test_hosts_of_a_large_cluster_dial_the_control_plane_and_near_ones() -> None:
    hosts = targets(200)
    dialled = dict.fromkeys(hosts, 0)
    for name in hosts:
        peers = peers_of(name, hosts)
        assert {"m1", "m2", "m3"} - {name} <= peers.keys()
        assert NEAR <= len(peers) <= NEAR + 3
        assert name not in peers
        for other in peers:
            dialled[other] += 1
    assert min(dialled.values()) == NEAR, "each worker is dialled by as many"
    assert dialled["m1"] == 199
