"""The etcd cluster as a whole, once its members are there."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from cluster.config import model
from cluster.node import etcd
from components.component import Component
from components.machine import COMMANDS, Machine
from components.node_state import NodeStateResource


@dataclass(frozen=True)
class EtcdArgs:
    """`members` are the control-plane nodes' etcd states by node name; any of their `machines` may be asked."""

    cluster: model.Cluster
    machines: Mapping[str, Machine]
    members: Mapping[str, NodeStateResource]


class Etcd(Component):
    """Waits until all members are healthy together.

    `members` is what each said of itself then: name, address, version, whether it leads, revision and size of its store
    in bytes. What waits for etcd as a whole depends on this component.
    """

    members: pulumi.Output[list[dict[str, Any]]]

    def __init__(self, name: str, args: EtcdArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        nodes = args.cluster.control_plane()
        asked = args.machines[nodes[0].name]
        endpoints = ",".join(etcd.client_url(node) for node in nodes)
        quorum = asked.command(
            f"{name}-quorum",
            f"client={shlex.quote(etcd.client(endpoints))}\n{(COMMANDS / 'quorum.sh').read_text()}",
            # It asks every member, so every member must have been brought to its state.
            self.child(depends_on=list(args.members.values())),
            triggers=[state.revision for state in args.members.values()],
        )
        self.members = quorum.stdout.apply(lambda printed: describe(nodes, printed))
        self.register_outputs({"members": self.members})


def describe(nodes: Sequence[model.Node], printed: str | None) -> list[dict[str, Any]]:
    """The members from etcdctl's `endpoint status`, in the nodes' order; empty where nothing was printed."""
    found = {one["Endpoint"]: one["Status"] for one in (json.loads(printed) if printed else [])}
    rows = []
    for node in nodes:
        status = found.get(etcd.client_url(node))
        if status is not None:
            rows.append(
                {
                    "name": node.name,
                    "address": node.address,
                    "version": status["version"],
                    "leader": status["leader"] == status["header"]["member_id"],
                    "revision": status["header"]["revision"],
                    "bytes": status["dbSize"],
                }
            )
    return rows
