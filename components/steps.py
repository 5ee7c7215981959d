"""Registers the steps of a plan as resources, with their ordering edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_command as command

from cluster.plan import ClusterPlan
from cluster.step import CommandStep, NodeStateStep, Step
from components import former
from components.issued import IssuedTexts
from components.machine import DIALS, Machine
from components.node import Node
from components.node_state import IssuedText, NodeStateArgs, NodeStateResource

FIRST_CONTACT_DIALS = 120
"""About ten minutes. A busy emulated machine needs several to answer for the first time."""


class Steps:
    """Registers steps one by one, in the plan's order. `states` and `commands` are those registered so far, by step name.

    Steps of a node are children of its Node component, the others of `cluster`.
    """

    def __init__(
        self,
        planned: ClusterPlan,
        cluster: pulumi.Resource,
        name: str,
        nodes: Mapping[str, Node],
        issued: IssuedTexts,
        admin_kubeconfig: pulumi.Output[str],
    ) -> None:
        self._planned = planned
        self._cluster, self._name, self._nodes = cluster, name, nodes
        self._issued, self._admin = issued, admin_kubeconfig
        self.states: dict[str, NodeStateResource] = {}
        self.commands: dict[str, command.remote.Command] = {}
        self._registered: dict[str, pulumi.Resource] = {}
        self._before_writing: list[pulumi.Resource] = []

    def wait_for(self, resource: pulumi.Resource) -> None:
        """Every NodeState that is registered from now on waits for this resource."""
        self._before_writing.append(resource)

    def register(self, step: Step) -> None:
        """Registers one step. Raises KeyError if a step that it waits for is not registered yet."""
        after = [self._registered[edge.step] for edge in step.after]
        if isinstance(step, NodeStateStep):
            self._registered[step.name] = self.states[step.name] = self._state(step, after)
        else:
            self._registered[step.name] = self.commands[step.name] = self._command(step, after)

    def _state(self, step: NodeStateStep, after: Sequence[pulumi.Resource]) -> NodeStateResource:
        node = self._nodes[step.node]
        issued = {
            file.path: IssuedText(self._issued.text(file.text), file.mode, file.owner, file.owner)
            for file in step.issued
        }
        options = pulumi.ResourceOptions(
            parent=node, depends_on=[*after, *self._before_writing], deleted_with=node.machine.resource
        )
        elsewhere = self._planned.declared_elsewhere(step)
        return NodeStateResource(step.name, NodeStateArgs(node.machine, step.state, issued, elsewhere), options)

    def _command(self, step: CommandStep, after: Sequence[pulumi.Resource]) -> command.remote.Command:
        machine: Machine = self._nodes[step.node].machine
        parent = self._nodes[step.owner] if step.owner else self._cluster
        revisions = [self.states[name].revision for name in step.reruns_on]
        created = machine.machine_id is not None
        options = pulumi.ResourceOptions(
            parent=parent,
            depends_on=after,
            aliases=[former.command(self._name, step.name)],
            # Earlier versions had the pinned host key of an existing host as trigger.
            ignore_changes=["triggers"] if step.first_contact and not created else None,
        )
        return machine.command(
            step.name,
            step.script,
            options,
            FIRST_CONTACT_DIALS if step.first_contact else DIALS,
            undone_always=step.undone_always,
            delete=step.undo,
            stdin=pulumi.Output.secret(self._admin) if step.admin else None,
            triggers=[machine.machine_id] if step.first_contact and created else revisions or None,
        )
