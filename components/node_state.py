"""The NodeState resource: files, directories and units of one node for one component (docs/reference/nodestate.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.machine import Machine, as_output
from nodestate import Declared, File, NodeState, NodeStateInputs, map_leaves, to_wire


@dataclass(frozen=True)
class IssuedText:
    """A file whose content is an Output, secret or not: a certificate or key that is created in the same run."""

    content: pulumi.Input[str]
    mode: str = "0600"
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class NodeStateArgs:
    """`state` is the rendered state. `issued_files`, by absolute path, are added to its files. `declared_elsewhere` is
    what the other NodeStates of the machine declare, by name."""

    machine: Machine
    state: NodeState
    issued_files: Mapping[str, IssuedText] = field(default_factory=dict)
    declared_elsewhere: Mapping[str, Declared] | None = None


@dataclass(frozen=True)
class _Inputs:
    """The inputs of NodeStateInputs that are not part of NodeState; they may be Outputs."""

    node: str
    machine_id: pulumi.Input[str] | None
    connection: Mapping[str, Any]
    declared_elsewhere: Mapping[str, Declared] | None


class NodeStateResource(pulumi.CustomResource):
    """Files, directories and units of one node and component, kept in sync over SSH by the provider in provider/.

    `revision` changes when the text written to the node changes (nodestate/revision.py). Use it as a trigger.
    """

    revision: pulumi.Output[str]

    def __init__(self, name: str, args: NodeStateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        machine = args.machine
        node = _Inputs(machine.name, machine.machine_id, machine.connection.record(), args.declared_elsewhere)
        inputs = to_wire(args.state) | to_wire(node, NodeStateInputs)
        inputs["files"] |= {path: to_wire(file, File) for path, file in args.issued_files.items()}
        super().__init__("plumbline:index:NodeState", name, {**map_leaves(inputs, as_output), "revision": None}, opts)
