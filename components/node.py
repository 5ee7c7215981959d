"""A component that groups the certificates, NodeStates and one-off steps of a node."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.component import Component
from components.machine import Machine


@dataclass(frozen=True)
class NodeArgs:
    """The node's machine."""

    machine: Machine


class Node(Component, token="plumbline:index:Node"):
    """A node of the cluster. Its resources are registered by the cluster, in the order of the plan."""

    machine: Machine

    def __init__(self, name: str, args: NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.machine = args.machine
        self.register_outputs({})
