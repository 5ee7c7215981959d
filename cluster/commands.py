"""The one-off steps: scripts that run on a node once, and again when a step that they wait for changes; and registrations."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from cluster.config.model import Cluster, Node
from cluster.node import control_plane, etcd, service_network
from cluster.node.binaries import binaries
from cluster.rendering import read_template
from cluster.step import After, CommandStep, RegistrationStep, step_name

FIRST_BOOT = "first-boot"
REGISTRATION = RegistrationStep.component
ROLE_LABEL = "node-role.kubernetes.io"
"""A kubelet may not set a label with this prefix on its own node."""

MEMBERSHIP = "etcd-membership"


def first_boot(node: Node) -> CommandStep:
    """Waits until a machine has finished its first boot and has all that later steps need."""
    return CommandStep(
        name=step_name(node.name, FIRST_BOOT),
        node=node.name,
        component=FIRST_BOOT,
        script=_script("first-boot.sh", {"node": node.name}),
        owner=node.name,
        first_contact=True,
    )


def etcd_quorum(cluster: Cluster) -> CommandStep:
    """Waits until every etcd member is healthy; prints their status as etcdctl's JSON."""
    members = [step_name(node.name, etcd.COMPONENT) for node in cluster.control_plane_nodes()]
    memberships = [step_name(node.name, MEMBERSHIP) for node in cluster.control_plane_nodes()]
    return CommandStep(
        name=f"{cluster.name}-etcd-quorum",
        **_anywhere(cluster),
        component="etcd quorum",
        script=_script("quorum.sh", {"client": etcd.etcdctl(binaries(cluster), etcd.endpoints(cluster))}),
        after=(
            *(After(member, "every member must be healthy") for member in members),
            *(After(membership, "a member leaves the list after what uses etcd") for membership in memberships),
        ),
        reruns_on=tuple(members),
    )


def etcd_membership(cluster: Cluster, node: Node) -> CommandStep:
    """Changes nothing until the node leaves the plan: then it takes the member out of etcd's list, on another control-plane
    node that answers, before anything of the member is removed."""
    members = cluster.control_plane_nodes()
    at, *others = [other.name for other in members if other.name != node.name] or [node.name]
    return CommandStep(
        name=step_name(node.name, MEMBERSHIP),
        node=at,
        elsewhere=tuple(others),
        component=MEMBERSHIP,
        script=": the member list is changed when this step is deleted\n",
        undo=etcd.membership(cluster, node),
        owner=node.name,
        undone_always=True,
        # Deleted in reverse: before any member's files, units and machine.
        after=tuple(
            After(step_name(member.name, etcd.COMPONENT), "a member leaves the list while all members run")
            for member in members
        ),
    )


def registration(cluster: Cluster, node: Node, rbac: str, networks: Iterable[str] = ()) -> RegistrationStep:
    """The node in the API, with its role's label and its own labels and taints. `networks` are the add-ons that it needs."""
    return RegistrationStep(
        node=node.name,
        version=cluster.kubernetes.version,
        labels={f"{ROLE_LABEL}/{node.role}": "", **node.labels},
        taints={f"{taint.key}:{taint.effect}": taint.value for taint in node.taints},
        after=(
            After(rbac, "the API server needs this role to reach kubelets"),
            After(step_name(node.name, service_network.COMPONENT), "pods reach services once kube-proxy runs"),
            *(After(network, "a node is Ready once its CNI plugin runs") for network in networks),
        ),
    )


def control_plane_ready(cluster: Cluster, rbac: str) -> CommandStep:
    """Waits until every control-plane pod is Ready in the API; prints one line per pod: node, component, image."""
    names = [node.name for node in cluster.control_plane_nodes()]
    states = tuple(step_name(name, control_plane.COMPONENT) for name in names)
    registered = (
        After(step_name(name, REGISTRATION), "the API lists the static pods of registered nodes only") for name in names
    )
    return _through_api(
        cluster,
        f"{cluster.name}-control-plane-ready",
        "control plane ready",
        "control-plane.sh",
        {"number": str(len(names) * len(control_plane.NAMES)), "nodes": " ".join(names)},
        reruns_on=states,
        after=(After(rbac, "the API answers once this is applied"), *registered),
    )


def _through_api(
    cluster: Cluster,
    name: str,
    component: str,
    script: str,
    values: dict[str, str],
    **more: Any,
) -> CommandStep:
    """A step that uses kubectl on a control-plane node, as the bootstrap identity."""
    kubectl = {"kubectl": binaries(cluster).kubectl}
    return CommandStep(
        name=name,
        **_anywhere(cluster),
        component=component,
        script=_script(script, {**kubectl, **values}, before="kubectl.sh"),
        admin=True,
        **more,
    )


def _anywhere(cluster: Cluster) -> dict[str, Any]:
    """The nodes of a step that any control-plane node can do."""
    first, *others = [node.name for node in cluster.control_plane_nodes()]
    return {"node": first, "elsewhere": tuple(others)}


def _script(name: str, values: dict[str, str], before: str | None = None) -> str:
    """A script of templates/commands after the script `before` and its values as shell variables."""
    lines = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    shared = read_template(f"commands/{before}") if before else ""
    return "".join([shared, lines, read_template(f"commands/{name}")])
