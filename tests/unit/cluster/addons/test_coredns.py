"""CoreDNS's upstream resolvers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from cluster.addons import coredns
from cluster.config.model import Cluster
from cluster.rendering import dump_yaml


def text(cluster: Cluster, resolvers: tuple[IPv4Address, ...] | None) -> str:
    cluster = replace(cluster, network=replace(cluster.network, resolvers=resolvers))
    return dump_yaml(*coredns.manifests(cluster))


def test_coredns_forwards_to_configured_resolvers(cluster: Cluster) -> None:
    assert "forward . /etc/resolv.conf {" in text(cluster, None)
    assert "forward . 192.0.2.53 {" in text(cluster, (IPv4Address("192.0.2.53"),))
    assert "forward" not in text(cluster, ())
