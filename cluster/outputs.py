"""The stack's outputs, from what the steps printed or found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.config.model import Cluster
from cluster.node import etcd
from cluster.pki.leaves import Leaf


def nodes(
    cluster: Cluster, leaves: Iterable[Leaf], kubelets: Mapping[str, str | None], days_left: Mapping[str, int]
) -> list[dict[str, Any]]:
    """One row per node. `version` is the kubelet's version when the node was last Ready, "" if it was never.

    `certificateDaysLeft` is the number of whole days until the first of the node's certificates expires.
    """
    days: dict[str, list[int]] = {node.name: [] for node in cluster.nodes}
    for leaf in leaves:
        if leaf.node is not None:
            days[leaf.node].append(days_left[leaf.name])
    versions = {node.name: kubelets.get(node.name) or "" for node in cluster.nodes}
    return [
        {
            "name": node.name,
            "role": str(node.role),
            "address": str(node.address),
            "version": versions[node.name],
            "ready": bool(versions[node.name]),
            "certificateDaysLeft": min(days[node.name]),
        }
        for node in cluster.nodes
    ]


def etcd_members(cluster: Cluster, printed: str | None) -> list[dict[str, Any]]:
    """The members from the JSON of etcdctl's `endpoint status`, in the nodes' order; empty if nothing was printed, or a line
    that had to be hidden.

    `bytes` is the size of the member's database.
    """
    try:
        members = json.loads(printed or "[]")
    except ValueError:
        members = []
    found = {member["Endpoint"]: member["Status"] for member in members}
    return [
        {
            "name": node.name,
            "address": str(node.address),
            "version": status["version"],
            "leader": status["leader"] == status["header"]["member_id"],
            "revision": status["header"]["revision"],
            "bytes": status["dbSize"],
        }
        for node in cluster.control_plane_nodes()
        if (status := found.get(etcd.client_url(node))) is not None
    ]


def control_plane_pods(printed: str | None) -> list[dict[str, str]]:
    """The control-plane pods as of their last change: node, component and image; empty if nothing was printed."""
    rows = [line.split() for line in (printed or "").splitlines()]
    return [{"node": node, "name": name, "image": image} for node, name, image in rows]
