"""Errors of `cluster` and `kubernetes`: names and endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cluster.config.conftest import Errors

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("no name", {"cluster/name": None}, "cluster.name: is missing: the cluster's name, a DNS label"),
    (
        "bad name",
        {"cluster/name": "Proof_1"},
        "cluster.name: 'Proof_1' is not a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "bad domain",
        {"cluster/domain": "cluster..local"},
        "cluster.domain: 'cluster..local' is not a DNS domain: labels of a-z, 0-9 and - joined by dots, 253 characters at most",
    ),
    ("name of another type", {"cluster/name": 7}, "cluster.name: is the number 7, not text"),
    ("unknown section", {"node": {}}, "node: is not a known key; did you mean nodes?"),
    (
        "domain that looks like an address",
        {"cluster/domain": "cluster.10"},
        "cluster.domain: 'cluster.10' is not a DNS name: its last label is a number, which resolvers read as an address",
    ),
    (
        "an address as internal endpoint",
        {"kubernetes/internalEndpoint": "10.77.0.100"},
        "kubernetes.internalEndpoint: '10.77.0.100' is not a DNS name: its last label is a number, which resolvers read "
        "as an address",
    ),
    (
        "a hexadecimal number as internal endpoint",
        {"kubernetes/internalEndpoint": "0x7f000001"},
        "kubernetes.internalEndpoint: '0x7f000001' is not a DNS name: its last label is a number, which resolvers read "
        "as an address",
    ),
    (
        "localhost as internal endpoint",
        {"kubernetes/internalEndpoint": "localhost"},
        "kubernetes.internalEndpoint: 'localhost' is each machine's name for itself: use a name that resolves to the control "
        "plane everywhere",
    ),
    (
        "a name below localhost",
        {"kubernetes/internalEndpoint": "api.localhost"},
        "kubernetes.internalEndpoint: 'api.localhost' is each machine's name for itself: use a name that resolves to "
        "the control plane everywhere",
    ),
    (
        "a node's name as internal endpoint",
        {"kubernetes/internalEndpoint": "w1"},
        "kubernetes.internalEndpoint: 'w1' is a node's name: /etc/hosts on each node gives the internal endpoint the "
        "addresses of all control-plane nodes",
    ),
    (
        "the unspecified address as endpoint",
        {"kubernetes/controlPlaneEndpoint": "0.0.0.0"},
        "kubernetes.controlPlaneEndpoint: 0.0.0.0 is in 0.0.0.0/8 (unspecified addresses): it must be a unicast address "
        "that other machines reach",
    ),
    (
        "a loopback address as endpoint",
        {"kubernetes/controlPlaneEndpoint": "127.0.0.1"},
        "kubernetes.controlPlaneEndpoint: 127.0.0.1 is in 127.0.0.0/8 (loopback addresses): it must be a unicast address "
        "that other machines reach",
    ),
    (
        "a multicast address as endpoint",
        {"kubernetes/controlPlaneEndpoint": "224.0.0.18"},
        "kubernetes.controlPlaneEndpoint: 224.0.0.18 is in 224.0.0.0/4 (multicast addresses): it must be a unicast address "
        "that other machines reach",
    ),
    (
        "localhost as endpoint",
        {"kubernetes/controlPlaneEndpoint": "localhost"},
        "kubernetes.controlPlaneEndpoint: 'localhost' is each machine's name for itself: use a name that resolves to the "
        "control plane everywhere",
    ),
    (
        "a service's address as endpoint",
        {"kubernetes/controlPlaneEndpoint": "10.3.0.1"},
        "kubernetes.controlPlaneEndpoint: 10.3.0.1 is in network.serviceCIDR (10.3.0.0/16): clients outside the cluster "
        "must reach it",
    ),
    (
        "a pod's address as endpoint",
        {"kubernetes/controlPlaneEndpoint": "10.2.7.7"},
        "kubernetes.controlPlaneEndpoint: 10.2.7.7 is in network.podCIDR (10.2.0.0/16): clients outside the cluster must "
        "reach it",
    ),
    (
        "the VMs' gateway as endpoint",
        {"kubernetes/controlPlaneEndpoint": "10.77.0.1"},
        "kubernetes.controlPlaneEndpoint: 10.77.0.1 is the gateway or broadcast address of machines.libvirt.network "
        "(10.77.0.0/24)",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
