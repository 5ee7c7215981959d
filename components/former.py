"""Former URNs of resources, as aliases: an upgrade of this program then keeps them.

Without an alias, a renamed or moved resource is replaced: keys are created again and nodes are cleaned up.
"""

from __future__ import annotations

import pulumi

ROOT = "plumbline:index:Plumbline"
CERTIFICATE = "plumbline:index:Certificate"
CONTROL_PLANE = "plumbline:index:ControlPlane"
ETCD = "plumbline:index:Etcd"
ADD_ONS = "plumbline:index:AddOns"
COMMAND = "command:remote:Command"


def urn(*types: str, name: str) -> str:
    """The former URN of a resource: `types` are those of its parents below the root component and its own, last."""
    chain = "$".join((ROOT, *types))
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{chain}::{name}"


def command(cluster: str, name: str) -> str:
    """The former URN of a one-off step, from its present name. It is now a child of the cluster or of a node."""
    node, _, step = name.rpartition("-")
    if step == "registration":
        return urn(ADD_ONS, COMMAND, name=f"{cluster}-add-ons-node-{node}")
    if name == f"{cluster}-control-plane-ready":
        return urn(ADD_ONS, COMMAND, name=f"{cluster}-add-ons-control-plane")
    if name == f"{cluster}-etcd-quorum":
        return urn(ETCD, COMMAND, name=name)
    return urn(ADD_ONS, COMMAND, name=name.replace("-add-on-", "-add-ons-"))
