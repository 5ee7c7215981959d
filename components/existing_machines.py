"""Existing hosts, reached by SSH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from cluster.config.model import ExistingHosts, Node
from components.machine import Connection, Machine


def existing_machines(existing: ExistingHosts, nodes: Sequence[Node]) -> Mapping[str, Machine]:
    """The configured hosts by node name. Registers no resource: the program does not create or delete these machines.

    The pinned host key is only how a host is reached: another key replaces nothing. The machine is known by its
    /etc/machine-id, which the provider reads.
    """
    machines = {}
    for node in nodes:
        host = existing.hosts[node.name]
        key = pulumi.Output.secret(host.private_key_file.read_text())
        connection = Connection(str(node.address), host.port, host.user, key, host.host_key)
        machines[node.name] = Machine(node.name, str(node.address), connection)
    return machines
