"""Errors of `network`: each address and network by its purpose."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cluster.config.conftest import Errors

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "malformed network",
        {"network/podCIDR": "10.2.0.0/33"},
        "network.podCIDR: '10.2.0.0/33' is not an IPv4 network in CIDR form with zero host bits, such as 10.77.0.0/24",
    ),
    (
        "host bits",
        {"network/serviceCIDR": "10.3.0.1/16"},
        "network.serviceCIDR: '10.3.0.1/16' is not an IPv4 network in CIDR form with zero host bits, such as 10.77.0.0/24",
    ),
    (
        "overlapping pods and services",
        {"network/serviceCIDR": "10.2.128.0/17", "network/clusterDNS": "10.2.128.10"},
        "network.serviceCIDR: 10.2.128.0/17 overlaps network.podCIDR (10.2.0.0/16): each address may belong to one network only",
    ),
    (
        "DNS outside",
        {"network/clusterDNS": "10.4.0.10"},
        "network.clusterDNS: 10.4.0.10 is not in network.serviceCIDR (10.3.0.0/16)",
    ),
    (
        "a resolver that is not an address",
        {"network/resolvers": ["dns.example"]},
        "network.resolvers[0]: 'dns.example' is not an IPv4 address, such as 10.77.0.11",
    ),
    (
        "unknown CNI",
        {"network/cni": "bridge"},
        "network.cni: 'bridge' is not one of routed, none",
    ),
    (
        "pod network too large",
        {"network/podCIDR": "32.0.0.0/7"},
        "network.podCIDR: 32.0.0.0/7 is not between /8 and /24 in size: the controller manager allocates one /24 of it per node",
    ),
    (
        "pod network too small",
        {"network/podCIDR": "10.2.0.0/25"},
        "network.podCIDR: 10.2.0.0/25 is not between /8 and /24 in size: the controller manager allocates one /24 of it per node",
    ),
    (
        "pod network for fewer nodes",
        {"network/podCIDR": "10.2.0.0/24"},
        "network.podCIDR: 10.2.0.0/24 has room for 1 nodes with one /24 per node, 2 are configured: set a larger one",
    ),
    (
        "service network too large",
        {"network/serviceCIDR": "10.96.0.0/11", "network/clusterDNS": "10.96.0.10"},
        "network.serviceCIDR: 10.96.0.0/11 is not between /12 and /28 in size: kube-apiserver refuses others",
    ),
    (
        "service network too small",
        {"network/serviceCIDR": "10.3.0.0/29", "network/clusterDNS": "10.3.0.3"},
        "network.serviceCIDR: 10.3.0.0/29 is not between /12 and /28 in size: kube-apiserver refuses others",
    ),
    (
        "multicast network",
        {"network/podCIDR": "224.0.0.0/16"},
        "network.podCIDR: 224.0.0.0/16 overlaps 224.0.0.0/4 (multicast addresses)",
    ),
    (
        "loopback network",
        {"network/serviceCIDR": "127.0.0.0/16", "network/clusterDNS": "127.0.0.10"},
        "network.serviceCIDR: 127.0.0.0/16 overlaps 127.0.0.0/8 (loopback addresses)",
    ),
    (
        "the API's address as DNS",
        {"network/clusterDNS": "10.3.0.1"},
        "network.clusterDNS: 10.3.0.1 is the API server's address, the first of network.serviceCIDR (10.3.0.0/16)",
    ),
    (
        "network address as DNS",
        {"network/clusterDNS": "10.3.0.0"},
        "network.clusterDNS: 10.3.0.0 is the network or broadcast address of network.serviceCIDR (10.3.0.0/16)",
    ),
    (
        "broadcast address as DNS",
        {"network/clusterDNS": "10.3.255.255"},
        "network.clusterDNS: 10.3.255.255 is the network or broadcast address of network.serviceCIDR (10.3.0.0/16)",
    ),
    (
        "a stub resolver",
        {"network/resolvers": ["127.0.0.53"]},
        "network.resolvers[0]: 127.0.0.53 is in 127.0.0.0/8 (loopback addresses): it must be a unicast address that other "
        "machines reach",
    ),
    (
        "the cluster's DNS as its own resolver",
        {"network/resolvers": ["192.0.2.53", "10.3.0.10"]},
        "network.resolvers: 10.3.0.10 is network.clusterDNS: the cluster's DNS would forward to itself",
    ),
    (
        "a pod as resolver",
        {"network/resolvers": ["10.2.1.53"]},
        "network.resolvers: 10.2.1.53 is in network.podCIDR (10.2.0.0/16): pod addresses change",
    ),
    (
        "more resolvers than CoreDNS accepts",
        {"network/resolvers": [f"192.0.2.{number}" for number in range(1, 17)]},
        "network.resolvers: has 16 entries: CoreDNS accepts at most 15",
    ),
    (
        "one resolver twice",
        {"network/resolvers": ["192.0.2.53", "192.0.2.53"]},
        "network.resolvers[1]: repeats network.resolvers[0]: remove one of them",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
