"""Machines that are there already and answer by SSH."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from cluster.config.model import Cluster
from components.machine import Connection, Machine


def existing_machines(cluster: Cluster) -> Mapping[str, Machine]:
    """The configured hosts by node name. No resource is made: nothing of them is this program's to delete.

    A host's pinned key is its identity: a host installed anew has a new one, and gets everything anew.
    """
    machines = {}
    for node in cluster.nodes:
        assert node.ssh is not None, f"{node.name}: an existing host has ssh settings"
        key = pulumi.Output.secret(node.ssh.private_key_file.read_text())
        connection = Connection(node.address, node.ssh.port, node.ssh.user, key, node.ssh.host_key)
        machines[node.name] = Machine(node.name, node.address, connection, machine_id=node.ssh.host_key)
    return machines
