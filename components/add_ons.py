"""What is applied through the API once it serves: rights, the nodes' roles, DNS."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_command as command

from cluster import addons, model, versions
from cluster.addons import AddOn
from components.component import Component
from components.machine import COMMANDS, Machine
from components.node_state import NodeState


@dataclass(frozen=True)
class AddOnsArgs:
    """`kubeconfig` is the identity that applies, a secret; `api` are the control plane's states, `network` those of
    every node's network, by node name."""

    cluster: model.Cluster
    machines: Mapping[str, Machine]
    kubeconfig: pulumi.Input[str]
    api: Mapping[str, NodeState]
    network: Mapping[str, NodeState]


class AddOns(Component):
    """Applies the cluster's own manifests by server-side apply, and prunes what an earlier version of them had.

    Each node is waited for until it is Ready, and gets its role; one that leaves the plan is drained and taken out.
    `versions` are what nodes have registered with, by name; `pods` the control plane's: node, component, image, each
    ready when it was last changed.
    """

    versions: dict[str, pulumi.Output[str]]
    pods: pulumi.Output[list[dict[str, str]]]

    def __init__(self, name: str, args: AddOnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        # The API serves once its pods do; an API server reads kubelets' logs only by this right.
        rights = self._apply(addons.add_on("rbac", addons.rbac()), list(args.api.values()))
        registered = {
            # A node is Ready once its pods have a network.
            node.name: self._register(node, [rights, args.network[node.name]])
            for node in args.cluster.nodes
        }
        # Its pods need a node that takes them.
        self._apply(addons.add_on("dns", addons.dns(args.cluster)), list(registered.values()))
        self.versions = {node: one.stdout for node, one in registered.items()}
        expected = f"number={len(args.api) * len(versions.CONTROL_PLANE)} nodes={shlex.quote(' '.join(args.api))}\n"
        listed = self._command(
            "control-plane",
            expected,
            "control-plane.sh",
            [rights, *(registered[node] for node in args.api)],
            triggers=[state.revision for state in args.api.values()],
        )
        self.pods = listed.stdout.apply(describe)
        self.register_outputs({})

    def _register(self, node: model.Node, after: Sequence[pulumi.Resource]) -> command.remote.Command:
        values = f"name={shlex.quote(node.name)} role={shlex.quote(node.role)}\n"
        return self._command(f"node-{node.name}", values, "register.sh", after, undo="unregister.sh")

    def _apply(self, add_on: AddOn, after: Sequence[pulumi.Resource]) -> command.remote.Command:
        values = {"set": add_on.name, "revision": add_on.revision, "kinds": ",".join(addons.KINDS)}
        values["rollouts"] = " ".join(add_on.rollouts)
        lines = [f"{key}={shlex.quote(value)}\n" for key, value in values.items()]
        manifests = f"manifests=$(cat <<'END-OF-MANIFESTS'\n{add_on.text}END-OF-MANIFESTS\n)\n"
        return self._command(add_on.name, "".join([*lines, manifests]), "apply.sh", after)

    def _command(
        self,
        name: str,
        values: str,
        script: str,
        after: Sequence[pulumi.Resource],
        undo: str | None = None,
        triggers: Sequence[pulumi.Input[str]] = (),
    ) -> command.remote.Command:
        def text(file: str) -> str:
            return "".join([(COMMANDS / "kubectl.sh").read_text(), values, (COMMANDS / file).read_text()])

        asked = self._args.machines[self._args.cluster.control_plane()[0].name]
        return asked.command(
            f"{self._name}-{name}",
            text(script),
            self.child(depends_on=list(after)),
            delete=text(undo) if undo else None,
            stdin=pulumi.Output.secret(self._args.kubeconfig),
            triggers=list(triggers) or None,
        )


def describe(printed: str | None) -> list[dict[str, str]]:
    """The control plane's pods from a line for each; empty where nothing was printed."""
    rows = [line.split() for line in (printed or "").splitlines()]
    return [{"node": node, "name": name, "image": image} for node, name, image in rows]
