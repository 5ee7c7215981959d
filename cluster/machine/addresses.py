"""Addresses that follow from names, so that the same configuration always gives the same ones."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network


def mac(cluster_name: str, node_name: str) -> str:
    """A node's MAC address, in QEMU's range 52:54:00, the rest from the two names."""
    digest = hashlib.sha256(f"{cluster_name}/{node_name}".encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def gateway(network: str) -> str:
    """The first host address of a network: the hypervisor's own."""
    return str(IPv4Network(network).network_address + 1)


def prefix_length(network: str) -> int:
    """The length of a network's prefix in bits."""
    return IPv4Network(network).prefixlen
