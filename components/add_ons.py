"""What is applied through the API once it serves: rights, the nodes' roles, DNS."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_command as command

from cluster import addons, model
from cluster.addons import AddOn
from components.component import Component
from components.machine import COMMANDS, Machine
from components.node_state import NodeState

DIALS = 10


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

    `nodes` is what the API says of each node of the plan, by name, once all of them are Ready: version and ready.
    """

    nodes: pulumi.Output[dict[str, dict[str, Any]]]

    def __init__(self, name: str, args: AddOnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        api, network = list(args.api.values()), list(args.network.values())
        # The API serves once its pods do; an API server reads kubelets' logs only by this right.
        rights = self._apply(addons.add_on("rbac", addons.rbac()), api)
        names = " ".join(f"{node.name}={node.role}" for node in args.cluster.nodes)
        ready = self._command(
            "nodes",
            f"nodes={shlex.quote(names)}\n",
            "nodes.sh",
            # A node is Ready once its pods have a network.
            [rights, *network],
            triggers=[state.revision for state in network],
        )
        # Its pods need a node that takes them.
        self._apply(addons.add_on("dns", addons.dns(args.cluster)), [ready])
        self.nodes = ready.stdout.apply(describe)
        self.register_outputs({"nodes": self.nodes})

    def _apply(self, add_on: AddOn, after: Sequence[pulumi.Resource]) -> command.remote.Command:
        values = {"set": add_on.name, "revision": add_on.revision, "kinds": " ".join(add_on.kinds)}
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
        triggers: Sequence[pulumi.Input[Any]] = (),
    ) -> command.remote.Command:
        asked = self._args.machines[self._args.cluster.control_plane()[0].name]
        return command.remote.Command(
            f"{self._name}-{name}",
            connection=asked.connection.for_command(DIALS),
            create="".join([(COMMANDS / "kubectl.sh").read_text(), values, (COMMANDS / script).read_text()]),
            stdin=pulumi.Output.secret(self._args.kubeconfig),
            triggers=list(triggers),
            logging=command.remote.Logging.NONE,
            add_previous_output_in_env=False,  # sshd accepts no environment by default
            opts=self.child(depends_on=list(after), deleted_with=asked.resource),
        )


def describe(printed: str | None) -> dict[str, dict[str, Any]]:
    """What nodes.sh printed, by node; empty where nothing was."""
    rows = [line.split() for line in (printed or "").splitlines()]
    return {row[0]: {"version": row[1], "ready": row[2] == "True"} for row in rows if len(row) == 3}
