"""Each node's part of the pod network: from its own address, so that no node's depends on which others there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

from cluster.config.addresses import IPAddress, IPNetwork, overlap, within
from cluster.config.model import Node
from cluster.config.reader import Scope

PREFIX = 24
"""A node's part by default: 254 pods, twice what a kubelet takes by default."""


def with_pod_cidrs(nodes: Sequence[Node], whole: IPNetwork, scope: Scope) -> tuple[Node, ...]:
    """The nodes with their parts: as set in `nodes.<name>.podCIDR`, else the one that the node's address counts to.

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
    """How many nodes have a part of the pod network, each of the usual size."""
    return 1 << max(0, PREFIX - whole.prefixlen)


def _part(address: IPAddress, whole: IPNetwork) -> IPNetwork:
    """The part of the pod network whose number is the address, counted round: 10.77.0.21 has the 21st of a /16."""
    if whole.prefixlen >= PREFIX:
        return whole
    parts = room(whole)
    first = int(whole.network_address) + ((int(address) % parts) << (whole.max_prefixlen - PREFIX))
    return IPv4Network((first, PREFIX)) if isinstance(whole, IPv4Network) else ip_network((first, PREFIX))
