"""Real etcd members on three container hosts: expired certificates, changed addresses, members that leave."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.provider import members
from tests.provider.members import ADDRESSES, Hosts, Members


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with members.booted(tmp_path_factory.mktemp("etcd"), f"etcd-{os.getpid()}") as made:
        yield made


@pytest.fixture
def stack(booted: Hosts, tmp_path: Path) -> Iterator[Members]:
    made = Members(tmp_path / "stack", booted)
    made.up()
    yield made
    made.destroy()
    for name in ADDRESSES:
        booted.run(name, "systemctl stop etcd.service || true; rm -rf /var/lib/etcd /etc/etcd")
        if booted.addresses[name] != ADDRESSES[name]:
            booted.readdress(name, ADDRESSES[name])


def until(what: str, done: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


def healthy(hosts: Hosts, name: str) -> bool:
    return "is healthy" in hosts.etcdctl(name, "--command-timeout 3s endpoint health 2>&1 || true")


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "without quorum"])
@pytest.mark.timeout(400)
def test_expired_certificates_are_renewed_by_up_alone(stack: Members, restarted: bool) -> None:
    hosts = stack.hosts
    hosts.etcdctl("m1", "put kept stored")
    stack.issuer.renew(timedelta(seconds=45))
    stack.up()
    until("the certificates expire", lambda: not any(healthy(hosts, name) for name in ADDRESSES))
    if restarted:
        for name in ADDRESSES:
            hosts.run(name, "systemctl --no-block restart etcd.service")
        until(
            "no member has quorum",
            lambda: all(hosts.run(one, "systemctl is-active etcd.service || true") != "active\n" for one in ADDRESSES),
        )
    stack.issuer.renew()
    stack.preview()
    stack.up(refresh=True)
    assert all(healthy(hosts, name) for name in ADDRESSES)
    assert "stored" in hosts.etcdctl("m3", "get kept")
    assert stack.up(refresh=True).get("same", 0) >= 6


def test_changed_addresses_keep_the_quorum(stack: Members) -> None:
    hosts = stack.hosts
    hosts.etcdctl("m1", "put kept stored")
    for name, address in (("m3", "10.78.0.33"), ("m2", "10.78.0.32"), ("m1", "10.78.0.31")):
        hosts.readdress(name, address)
        shown = stack.preview()
        assert f"https://{address}:2380" in shown
        stack.up(refresh=True)
        others = [other for other in ADDRESSES if other != name]
        for other in (*others, name):
            until(f"{other} serves", partial(healthy, hosts, other), 20)
            assert hosts.listed(other) == {one: f"https://{at}:2380" for one, at in hosts.addresses.items()}
    for name in ADDRESSES:
        assert "stored" in hosts.etcdctl(name, "get kept --consistency=s")


def test_members_leave_before_anything_of_them_is_removed(stack: Members) -> None:
    hosts = stack.hosts
    hosts.etcdctl("m1", "put kept stored")
    stack.names = ["m1"]
    stack.up()
    assert hosts.listed("m1") == {"m1": "https://10.78.0.11:2380"}
    assert healthy(hosts, "m1")
    stack.names = list(ADDRESSES)
    stack.up()
    assert hosts.listed("m2").keys() == ADDRESSES.keys()
    assert "stored" in hosts.etcdctl("m3", "get kept --consistency=s")
