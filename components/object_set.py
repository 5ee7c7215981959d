"""The resources behind the API: sets of objects, and the registrations of nodes, by the provider in provider/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from cluster.config.api_kinds import identity
from cluster.step import ObjectsStep, RegistrationStep
from components.machine import Machine
from nodestate import Secret


@dataclass(frozen=True)
class ApiAccess:
    """How the API is reached: by SSH to any of these control-plane nodes, with a kubeconfig. Both are secrets."""

    servers: Sequence[Machine]
    kubeconfig: pulumi.Output[str]
    take_fields_from: Sequence[str] = ()

    def inputs(self) -> dict[str, Any]:
        """The inputs that all resources behind the API have."""
        servers = [
            {"node": one.name, "address": one.address, "connection": one.connection.record()} for one in self.servers
        ]
        return {"servers": servers, "kubeconfig": pulumi.Output.secret(self.kubeconfig)}


class ObjectSet(pulumi.CustomResource):
    """Objects behind the API, kept in sync field by field. An object that the program has no more is deleted."""

    def __init__(self, step: ObjectsStep, access: ApiAccess, opts: pulumi.ResourceOptions) -> None:
        inputs: dict[str, Any] = {
            "name": step.set_name,
            "objects": {identity(one): _given(one) for one in step.objects},
            "waitSeconds": step.wait_seconds,
            **access.inputs(),
        }
        if access.take_fields_from:
            inputs["takeFrom"] = list(access.take_fields_from)
        super().__init__("plumbline:index:ObjectSet", step.name, inputs, opts)


class NodeRegistration(pulumi.CustomResource):
    """A node in the API: waited for, labelled and tainted; drained and deleted when it leaves the program.

    `kubelet` is the version of its kubelet when it was last waited for.
    """

    kubelet: pulumi.Output[str]

    def __init__(self, step: RegistrationStep, access: ApiAccess, opts: pulumi.ResourceOptions) -> None:
        inputs = {
            "node": step.node,
            "version": step.version,
            "labels": dict(step.labels),
            "taints": dict(step.taints),
            **access.inputs(),
            "kubelet": None,
        }
        super().__init__("plumbline:index:NodeRegistration", step.name, inputs, opts)


def _given(value: Any) -> Any:
    """A manifest as an input: its secrets stay secret in the state."""
    if isinstance(value, Secret):
        return pulumi.Output.secret(value.reveal())
    if isinstance(value, Mapping):
        return {key: _given(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_given(one) for one in value]
    return value
