"""The seam between where machines come from and everything after: one record, the same for VMs and existing hosts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command

import nodestate
from nodestate import to_wire

COMMANDS = Path(__file__).parent.parent / "templates" / "commands"
"""The scripts of pulumi-command's steps."""

DIALS = 10
"""Of a machine that has booted."""

PER_DIAL_SECONDS = 60
"""Connect and handshake together: an emulated machine that shares its cores with others takes half a minute."""


@dataclass(frozen=True)
class Connection:
    """How a machine is reached by SSH. `private_key` is a secret; `host_key` is pinned, `<type> <base64>`."""

    host: str
    port: int
    user: str
    private_key: pulumi.Output[str]
    host_key: pulumi.Input[str]

    def for_command(self, dial_error_limit: int) -> command.remote.ConnectionArgs:
        """The same for pulumi-command. A refused dial is tried `dial_error_limit` times, 5 s apart in the end."""
        return command.remote.ConnectionArgs(
            host=self.host,
            port=self.port,
            user=self.user,
            private_key=self.private_key,
            host_key=self.host_key,
            dial_error_limit=dial_error_limit,
            per_dial_timeout=PER_DIAL_SECONDS,
        )

    def record(self) -> dict[str, Any]:
        """The connection as data; secret, since it holds the key."""
        return to_wire(self, nodestate.Connection)


@dataclass(frozen=True)
class Machine:
    """One machine. `machine_id` changes when it becomes another machine under the same name.

    `resource` is what makes the machine, where this program makes it: when that goes, nothing on it needs undoing.
    """

    name: str
    address: str
    connection: Connection
    machine_id: pulumi.Input[str]
    resource: pulumi.Resource | None = None

    def record(self, role: str) -> dict[str, Any]:
        """How the machine is reached, as data for `make status`; secret, since it holds the key."""
        return {"role": role, "address": self.address, "connection": self.connection.record()}

    def command(
        self, name: str, create: str, opts: pulumi.ResourceOptions, dials: int = DIALS, **more: Any
    ) -> command.remote.Command:
        """A step of pulumi-command on this machine, its output kept and not shown. `more` are further inputs of it."""
        return command.remote.Command(
            name,
            connection=self.connection.for_command(dials),
            create=create,
            logging=command.remote.Logging.NONE,
            add_previous_output_in_env=False,  # sshd accepts no environment by default
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(deleted_with=self.resource)),
            **more,
        )
