"""Machines that are there already and answer by SSH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from cluster.config.model import ExistingHosts, Node
from components.machine import Connection, Machine


def existing_machines(existing: ExistingHosts, nodes: Sequence[Node]) -> Mapping[str, Machine]:
    """The configured hosts by node name. No resource is made: nothing of them is this program's to delete.

    A host's pinned key is its identity: a host installed anew has a new one, and gets everything anew.
    """
    machines = {}
    for node in nodes:
        host = existing.hosts[node.name]
        key = pulumi.Output.secret(host.private_key_file.read_text())
        connection = Connection(str(node.address), host.port, host.user, key, host.host_key)
        machines[node.name] = Machine(node.name, str(node.address), connection, machine_id=host.host_key)
    return machines
