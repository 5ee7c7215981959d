"""The one-off steps: scripts that run on a node once, and again when a step that they wait for changes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from cluster.addons.addon import KINDS, AddOn
from cluster.config.model import Cluster, Node
from cluster.node import control_plane, etcd, pod_network
from cluster.node.binaries import binaries
from cluster.rendering import read_template
from cluster.step import After, CommandStep, step_name

FIRST_BOOT = "first-boot"
REGISTRATION = "registration"
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
        node=cluster.control_plane_nodes()[0].name,
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
    node, before anything of the member is removed. It runs on the first one, where steps through the API run, or the second.
    """
    members = cluster.control_plane_nodes()
    at = next((other for other in members if other.name != node.name), node)
    return CommandStep(
        name=step_name(node.name, MEMBERSHIP),
        node=at.name,
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


def add_on(cluster: Cluster, planned: AddOn, after: Iterable[After]) -> CommandStep:
    """Applies a set of manifests with server-side apply, waits for its workloads, and prunes the objects of earlier versions."""
    values = {
        "set": planned.name,
        "revision": planned.revision,
        "kinds": ",".join(KINDS),
        "rollouts": " ".join(planned.rollouts),
    }
    manifests = f"manifests=$(cat <<'END-OF-MANIFESTS'\n{planned.text}END-OF-MANIFESTS\n)\n"
    return _through_api(
        cluster,
        f"{cluster.name}-add-on-{planned.name}",
        f"add-on {planned.name}",
        "apply.sh",
        values,
        manifests,
        after=tuple(after),
    )


def registration(cluster: Cluster, node: Node, rbac: str) -> CommandStep:
    """Waits until a node is Ready, and sets its role label. A node that leaves the plan is drained and deleted."""
    values = {"name": node.name, "role": str(node.role), "version": cluster.kubernetes.version}
    return _through_api(
        cluster,
        step_name(node.name, REGISTRATION),
        REGISTRATION,
        "register.sh",
        values,
        undo="unregister.sh",
        owner=node.name,
        after=(
            After(rbac, "the API server needs this role to reach kubelets"),
            After(step_name(node.name, pod_network.COMPONENT), "a node is Ready once its pod network works"),
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
    text: str = "",
    undo: str | None = None,
    **more: Any,
) -> CommandStep:
    """A step that uses kubectl on the first control-plane node, as the bootstrap identity."""
    kubectl = {"kubectl": binaries(cluster).kubectl}
    return CommandStep(
        name=name,
        node=cluster.control_plane_nodes()[0].name,
        component=component,
        script=_script(script, {**kubectl, **values}, text, before="kubectl.sh"),
        undo=_script(undo, {**kubectl, **values}, before="kubectl.sh") if undo else None,
        admin=True,
        **more,
    )


def _script(name: str, values: dict[str, str], text: str = "", before: str | None = None) -> str:
    """A script of templates/commands after the script `before`, its values as shell variables, and `text`."""
    lines = "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    shared = read_template(f"commands/{before}") if before else ""
    return "".join([shared, lines, text, read_template(f"commands/{name}")])
