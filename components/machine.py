"""One machine and its SSH connection: the same record for VMs and existing hosts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

import nodestate
from nodestate import map_leaves, to_wire

COMMANDS = Path(__file__).parent.parent / "templates" / "commands"
"""The scripts of commands."""


@dataclass(frozen=True)
class Connection:
    """The SSH connection to a machine: the fields of nodestate.Connection, some of them Outputs. Those that are secret there
    are secrets here. `host_key` is pinned, in the form `<type> <base64>`."""

    host: str
    port: int
    user: str
    private_key: pulumi.Output[str] | nodestate.Secret | None
    host_key: pulumi.Input[str] | None
    certificate: str | None = None
    agent: bool = False
    agent_key: str | None = None
    host_ca_key: str | None = None
    sudo_password: nodestate.Secret | None = None
    bastions: tuple[nodestate.Endpoint, ...] = ()

    def record(self) -> dict[str, Any]:
        """The connection as data, with its secrets as Outputs."""
        data: dict[str, Any] = map_leaves(to_wire(self, nodestate.Connection), as_output)
        return data


def as_output(leaf: Any) -> Any:
    """A leaf of plain data as Pulumi takes it."""
    return pulumi.Output.secret(leaf.reveal()) if isinstance(leaf, nodestate.Secret) else leaf


@dataclass(frozen=True)
class Machine:
    """One machine. `machine_id` changes if the program creates another machine of this name; None for an existing host.

    `resource` is the resource that creates the machine, None for an existing host. If it is deleted, nothing on the
    machine needs cleaning up.
    """

    name: str
    address: str
    connection: Connection
    machine_id: pulumi.Input[str] | None = None
    resource: pulumi.Resource | None = None

    def record(self, role: str) -> dict[str, Any]:
        """Role, address and connection as data for `make status`, with the private key: a secret."""
        return {"role": role, "address": self.address, "connection": self.connection.record()}
