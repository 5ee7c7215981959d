"""Existing hosts, reached by SSH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.config.model import ExistingHosts, Node
from cluster.machine.existing import connection
from components.machine import Connection, Machine


def existing_machines(existing: ExistingHosts, nodes: Sequence[Node]) -> Mapping[str, Machine]:
    """The configured hosts by node name. Registers no resource: the program does not create or delete these machines.

    The pinned host key is only how a host is reached: another key replaces nothing. The machine is known by its
    /etc/machine-id, which the provider reads.
    """
    machines = {}
    for node in nodes:
        reached = connection(node, existing.hosts[node.name])
        machines[node.name] = Machine(node.name, str(node.address), Connection(**vars(reached)))
    return machines
