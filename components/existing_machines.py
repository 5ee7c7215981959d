"""Existing hosts, reached by SSH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from cluster.config.model import ExistingHosts, Node
from components.machine import Connection, Machine


def existing_machines(existing: ExistingHosts, nodes: Sequence[Node]) -> Mapping[str, Machine]:
    """The configured hosts by node name. Registers no resource: the program does not create or delete these machines.

    The pinned host key is the machine's identity. A reinstalled host has another one, so its NodeStates are replaced.
    """
    machines = {}
    for node in nodes:
        host = existing.hosts[node.name]
        key = pulumi.Output.secret(host.private_key_file.read_text())
        connection = Connection(str(node.address), host.port, host.user, key, host.host_key)
        machines[node.name] = Machine(node.name, str(node.address), connection, machine_id=host.host_key)
    return machines
