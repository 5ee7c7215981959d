"""One machine and its SSH connection: the same record for VMs and existing hosts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command

import nodestate
from nodestate import to_wire

COMMANDS = Path(__file__).parent.parent / "templates" / "commands"
"""The scripts of pulumi-command steps."""

DIALS = 10
"""Attempts to connect to a machine that has booted."""

PER_DIAL_SECONDS = 60
"""The limit for connect and handshake together. A busy emulated machine needs half a minute."""


@dataclass(frozen=True)
class Connection:
    """The SSH connection to a machine. `private_key` is a secret. `host_key` is pinned, in the form `<type> <base64>`."""

    host: str
    port: int
    user: str
    private_key: pulumi.Output[str]
    host_key: pulumi.Input[str]

    def for_command(self, dial_error_limit: int) -> command.remote.ConnectionArgs:
        """The connection for pulumi-command, which dials up to `dial_error_limit` times, at most 5 s apart."""
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
        """The connection as data, with the private key: a secret."""
        return to_wire(self, nodestate.Connection)


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

    def command(
        self,
        name: str,
        create: str,
        opts: pulumi.ResourceOptions,
        dials: int = DIALS,
        undone_always: bool = False,
        **more: Any,
    ) -> command.remote.Command:
        """A pulumi-command step on this machine. Its output is stored and not shown. `more` are further inputs.

        With `undone_always`, its `delete` also runs if the machine is deleted in the same run.
        """
        machine = None if undone_always else self.resource
        return command.remote.Command(
            name,
            connection=self.connection.for_command(dials),
            create=create,
            logging=command.remote.Logging.NONE,
            add_previous_output_in_env=False,  # sshd accepts no environment by default
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(deleted_with=machine)),
            **more,
        )
