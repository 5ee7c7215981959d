"""Each node's part of the pod network, derived from its own address, so that it does not depend on the other nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

from cluster.config.addresses import IPAddress, IPNetwork, overlap, within
from cluster.config.model import Node
from cluster.config.reader import Scope

PREFIX = 24
"""Default size of a node's part: 254 addresses, more than twice the kubelet's default of 110 pods."""


def with_pod_cidrs(nodes: Sequence[Node], whole: IPNetwork, scope: Scope) -> tuple[Node, ...]:
    """The nodes with their parts: as set in `nodes.<name>.podCIDR`, else derived from the node's address.

    Notes an error for a part outside the pod network, or one that overlaps another's.
    """
    cidrs = {node.name: node.pod_cidr or _part(node.address, whole) for node in nodes}
    names = list(cidrs)
    for index, name in enumerate(names):
        own = cidrs[name]
        key = f"nodes.{name}.podCIDR"
        if not within(own, whole):
            scope.error(key, f"{own} is not a part of network.podCIDR ({whole}); set it to one, such as a /{PREFIX}")
        for other in names[:index]:
            if overlap(own, cidrs[other]):
                scope.error(
                    key,
                    f"{own} overlaps {cidrs[other]} of {other}: set nodes.{name}.podCIDR to a part of "
                    f"network.podCIDR ({whole}) that no other node has",
                )
    return tuple(replace(node, pod_cidr=cidrs[node.name]) for node in nodes)


def room(whole: IPNetwork) -> int:
    """The number of parts of default size in the pod network."""
    return 1 << max(0, PREFIX - whole.prefixlen)


def _part(address: IPAddress, whole: IPNetwork) -> IPNetwork:
    """The part whose number is the address modulo the number of parts: 10.77.0.21 has number 21 of a /16."""
    if whole.prefixlen >= PREFIX:
        return whole
    parts = room(whole)
    first = int(whole.network_address) + ((int(address) % parts) << (whole.max_prefixlen - PREFIX))
    return IPv4Network((first, PREFIX)) if isinstance(whole, IPv4Network) else ip_network((first, PREFIX))
