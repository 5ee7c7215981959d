"""The preflight: a check of all hosts before anything is written to them, by the provider in provider/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from cluster import preflight
from cluster.config.model import Cluster
from components.machine import Machine


@dataclass(frozen=True)
class PreflightArgs:
    """The validated configuration, and its machines by node name."""

    cluster: Cluster
    machines: Mapping[str, Machine]


class Preflight(pulumi.CustomResource):
    """Checks every host of a new stack, and later each host that is added. It fails with all that is missing on each of them.

    On a host that already has units of the program, it only warns.
    """

    def __init__(self, name: str, args: PreflightArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        nodes = {}
        for node in args.cluster.nodes:
            machine, needed = args.machines[node.name], preflight.host_check(args.cluster, node)
            nodes[node.name] = {
                "connection": machine.connection.record(),
                "address": machine.address,
                "variables": needed.variables,
                "ports": list(needed.dialled),
                **({} if machine.machine_id is None else {"machineId": machine.machine_id}),
            }
        super().__init__("plumbline:index:Preflight", name, {"nodes": nodes, "script": preflight.script()}, opts)
