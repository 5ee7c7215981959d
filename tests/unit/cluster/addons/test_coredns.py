"""CoreDNS's upstream resolvers, and the kinds that pruning finds."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from cluster.addons import coredns
from cluster.addons.addon import add_on
from cluster.config.model import Cluster


def text(cluster: Cluster, resolvers: tuple[IPv4Address, ...] | None) -> str:
    cluster = replace(cluster, network=replace(cluster.network, resolvers=resolvers))
    return add_on("dns", coredns.manifests(cluster)).text


def test_coredns_forwards_to_configured_resolvers(cluster: Cluster) -> None:
    assert "forward . /etc/resolv.conf {" in text(cluster, None)
    assert "forward . 192.0.2.53 {" in text(cluster, (IPv4Address("192.0.2.53"),))
    assert "forward" not in text(cluster, ())


def test_add_on_refuses_kind_without_pruning() -> None:
    with pytest.raises(ValueError, match="kind NetworkPolicy is not one of"):
        add_on("own", [{"kind": "NetworkPolicy", "metadata": {"name": "a"}}])
