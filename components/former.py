"""Where resources were in earlier versions of this program, so that an upgrade keeps them.

A resource that is renamed or moved without an alias is replaced: a key is made again, a node is undone.
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
    """The former URN of a resource: the types below the root component, its own last, and its name."""
    chain = "$".join((ROOT, *types))
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{chain}::{name}"


def command(cluster: str, name: str) -> str:
    """The former URN of a one-off step that is now a child of the cluster or of its node. Unchanged names give themselves."""
    node, _, step = name.rpartition("-")
    if step == "registration":
        return urn(ADD_ONS, COMMAND, name=f"{cluster}-add-ons-node-{node}")
    if name == f"{cluster}-control-plane-ready":
        return urn(ADD_ONS, COMMAND, name=f"{cluster}-add-ons-control-plane")
    if name == f"{cluster}-etcd-quorum":
        return urn(ETCD, COMMAND, name=name)
    return urn(ADD_ONS, COMMAND, name=name.replace("-add-on-", "-add-ons-"))
