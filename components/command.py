"""The Command resource: a script that runs on a machine once, and again if its text or a trigger changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.machine import Machine

FIRST_CONTACT_SECONDS = 600
"""How long a machine that the program has created may take to answer: a busy emulated one needs several minutes."""


@dataclass(frozen=True)
class CommandArgs:
    """`create` runs on the machine, `delete` when the resource is deleted; both read `stdin`. With `first_contact`, a machine
    that the program creates may still be booting. If the machine does not answer, one of `elsewhere` takes its place."""

    machine: Machine
    create: str
    delete: str | None = None
    stdin: pulumi.Output[str] | None = None
    triggers: Sequence[pulumi.Input[str]] | None = None
    first_contact: bool = False
    elsewhere: Sequence[Machine] = ()


class Command(pulumi.CustomResource):
    """A script that the provider in provider/ runs as root, over the same connection as the machine's NodeStates.

    `stdout` is what it printed. It is stored, and not shown.
    """

    stdout: pulumi.Output[str]

    def __init__(self, name: str, args: CommandArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        machine = args.machine
        waits = args.first_contact and machine.machine_id is not None
        inputs = {
            "node": machine.name,
            "connection": machine.connection.record(),
            "create": args.create,
            "delete": args.delete,
            "stdin": args.stdin,
            "triggers": args.triggers,
            "elsewhere": [{"node": one.name, "connection": one.connection.record()} for one in args.elsewhere] or None,
            "waitSeconds": FIRST_CONTACT_SECONDS if waits else None,
        }
        super().__init__("plumbline:index:Command", name, {**inputs, "stdout": None}, opts)
