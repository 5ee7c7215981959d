"""Registers the steps of a plan as resources, with their ordering edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from cluster.plan import ClusterPlan
from cluster.step import CommandStep, NodeStateStep, ObjectsStep, RegistrationStep, Step
from components import former
from components.command import Command, CommandArgs
from components.issued import IssuedTexts
from components.machine import Machine
from components.node import Node
from components.node_state import IssuedText, NodeStateArgs, NodeStateResource
from components.object_set import ApiAccess, NodeRegistration, ObjectSet


class Steps:
    """Registers steps one by one, in the plan's order. `states` and `commands` are those registered so far by step name,
    `registrations` those by node.

    Steps of a node are children of its Node component, the others of `cluster`.
    """

    def __init__(
        self,
        planned: ClusterPlan,
        cluster: pulumi.Resource,
        name: str,
        nodes: Mapping[str, Node],
        issued: IssuedTexts,
        api: ApiAccess,
    ) -> None:
        self._planned = planned
        self._cluster, self._name, self._nodes = cluster, name, nodes
        self._issued, self._api = issued, api
        self.states: dict[str, NodeStateResource] = {}
        self.commands: dict[str, Command] = {}
        self.registrations: dict[str, NodeRegistration] = {}
        self._registered: dict[str, pulumi.Resource] = {}
        self._before_writing: list[pulumi.Resource] = []

    @property
    def registered(self) -> tuple[pulumi.Resource, ...]:
        """The resources of all steps so far."""
        return tuple(self._registered.values())

    def wait_for(self, resource: pulumi.Resource) -> None:
        """Every NodeState that is registered from now on waits for this resource."""
        self._before_writing.append(resource)

    def register(self, step: Step) -> None:
        """Registers one step. Raises KeyError if a step that it waits for is not registered yet."""
        after = [self._registered[edge.step] for edge in step.after]
        if isinstance(step, NodeStateStep):
            self._registered[step.name] = self.states[step.name] = self._state(step, after)
        elif isinstance(step, ObjectsStep):
            self._registered[step.name] = ObjectSet(step, self._api, self._behind_api(step, self._cluster, after))
        elif isinstance(step, RegistrationStep):
            options = self._behind_api(step, self._nodes[step.node], after)
            self.registrations[step.node] = NodeRegistration(step, self._api, options)
            self._registered[step.name] = self.registrations[step.node]
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

    def _behind_api(
        self, step: Step, parent: pulumi.Resource, after: Sequence[pulumi.Resource]
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=parent, depends_on=after, aliases=self._commands_of_before(step))

    def _commands_of_before(self, step: Step) -> list[str | pulumi.Alias]:
        """Earlier versions had a pulumi-command resource: its state is taken over, and its script for deletion is not run."""
        return [pulumi.Alias(type_=former.COMMAND), former.command(self._name, step.name)]

    def _command(self, step: CommandStep, after: Sequence[pulumi.Resource]) -> Command:
        machine: Machine = self._nodes[step.node].machine
        parent = self._nodes[step.owner] if step.owner else self._cluster
        revisions = [self.states[name].revision for name in step.reruns_on]
        created = machine.machine_id is not None
        options = pulumi.ResourceOptions(
            parent=parent,
            depends_on=after,
            # Its script ran on the machine only. With `undone_always` it changes others, too.
            deleted_with=None if step.undone_always else machine.resource,
            aliases=self._commands_of_before(step),
            # Earlier versions had the pinned host key of an existing host as trigger.
            ignore_changes=["triggers"] if step.first_contact and not created else None,
        )
        return Command(
            step.name,
            CommandArgs(
                machine,
                step.script,
                step.undo,
                pulumi.Output.secret(self._api.kubeconfig) if step.admin else None,
                [machine.machine_id] if step.first_contact and machine.machine_id is not None else revisions or None,
                step.first_contact,
                [self._nodes[name].machine for name in step.elsewhere],
            ),
            options,
        )
