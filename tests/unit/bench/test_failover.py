"""The pure parts of the failover benchmark: gaps between events, what a loss did, and keepalived's configuration."""

from __future__ import annotations

import pytest

from bench.failover import virtual_address
from bench.failover.__main__ import AFTER_SECONDS, pause, table
from bench.failover.watch import Seen, longest_gap
from bench.up.hosts import Failed
from lab.stack import HOST_GATEWAY, HOST_NETWORK

LOST = 100.0
END = LOST + AFTER_SECONDS - 1


def test_gap_begins_before_the_loss() -> None:
    assert longest_gap([70.0, 95.0, 112.0, 120.0], since=100.0, until=125.0) == 17.0


def test_gap_without_further_events_lasts_until_the_end() -> None:
    assert longest_gap([95.0], since=100.0, until=160.0) == 65.0
    assert longest_gap([], since=100.0, until=160.0) == 60.0


def test_gap_ignores_what_ended_before_the_loss() -> None:
    assert longest_gap([10.0, 99.0, 101.0], since=100.0, until=102.0) == 2.0


def test_pause_is_that_of_the_node_that_waited_longest() -> None:
    writes = [float(at) for at in range(70, 101)] + [float(at) for at in range(110, int(END) + 1)]
    steady = [at * 10.0 for at in range(7, 20)]
    found = pause(
        "ours", "black-holed", Seen({"m2": steady, "w1": [90.0, 104.0, *steady[4:]]}, writes), 70, LOST, ["m2", "w1"]
    )
    assert (found.leases, found.lease, found.writes, found.healthy) == ({"m2": 10.0, "w1": 14.0}, 14.0, 10.0, 1.0)
    assert "| black-holed | ours | 14.0 | m2 10.0, w1 14.0 | 10.0 | 1.0 |" in table([found], {}).splitlines()


def test_clients_that_saw_nothing_are_an_error() -> None:
    with pytest.raises(Failed, match="ours, powered off: no renewal or no write"):
        pause("ours", "powered off", Seen({"m2": [99.0]}, []), 70, LOST, ["m2"])


def test_first_node_has_the_virtual_address() -> None:
    assert "priority 101" in virtual_address.configuration(0)
    assert "priority 100" in virtual_address.configuration(1)
    network = str(HOST_NETWORK).rpartition(".")[0]
    assert virtual_address.ADDRESS.startswith(f"{network}.") and str(HOST_GATEWAY) != virtual_address.ADDRESS
