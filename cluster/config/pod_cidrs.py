"""Each node's share of the pod network: from its own address, so that no node's depends on which others there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from cluster.config.model import Node

PREFIX = 24
"""A node's share: 254 pods, twice what a kubelet takes by default."""


def with_pods(nodes: Sequence[Node], network: str, errors: list[str]) -> tuple[Node, ...]:
    """The nodes with their shares: as set in `nodes.<name>.pods`, else the one that the node's address counts to.

    Notes an error for a share outside the pod network, or one that overlaps another's.
    """
    whole = IPv4Network(network)
    shared = tuple(replace(node, pods=node.pods or _share(node.address, whole)) for node in nodes)
    for index, node in enumerate(shared):
        own = IPv4Network(node.pods)
        key = f"nodes.{node.name}.pods"
        if not own.subnet_of(whole) or own == whole:
            errors.append(f"{key}: {own} is not a part of network.pods ({whole}); set it to one, such as a /{PREFIX}")
        for other in shared[:index]:
            if own.overlaps(IPv4Network(other.pods)):
                errors.append(
                    f"{key}: {own} overlaps {other.pods} of {other.name}: set nodes.{node.name}.pods to a part of "
                    f"network.pods ({whole}) that no other node has"
                )
    return shared


def _share(address: str, whole: IPv4Network) -> str:
    """The part of the pod network whose number is the address, counted round: 10.77.0.21 has the 21st of a /16."""
    if whole.prefixlen >= PREFIX:
        return str(whole)
    parts = 1 << (PREFIX - whole.prefixlen)
    first = int(whole.network_address) + ((int(IPv4Address(address)) % parts) << (32 - PREFIX))
    return f"{IPv4Address(first)}/{PREFIX}"
