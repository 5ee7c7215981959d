"""Reads the nodes: records keyed by name."""

from __future__ import annotations

from dataclasses import replace

from cluster.config import syntax
from cluster.config.kinds import read
from cluster.config.machines import MachineReader
from cluster.config.model import Node, Role, Taint
from cluster.config.reader import Reader
from cluster.config.site import SITE, Levels, read_level

CONTROL_PLANE_TAINT = Taint("node-role.kubernetes.io/control-plane", "", "NoSchedule")

OWN_PARTS = (
    *("apiserver", "control-plane", "controller-manager", "etcd", "first-boot", "front-proxy", "kube-proxy"),
    *("kubelet", "network", "runtime", "scheduler", "site", "verify"),
)
"""The parts after `<node>-` with which the names of a node's own certificates and resources continue."""


def read_nodes(top: Reader, machines: MachineReader, levels: Levels) -> tuple[Node, ...]:
    """Every node in configured order, with its machine's settings added to `machines`, and its site's to `levels`."""
    reader = top.object("nodes")
    if not top.has("nodes"):
        top.error("nodes", "is missing: at least one node with role control-plane")
    nodes = []
    for name in top.mapping("nodes"):
        if (wrong := syntax.node_name(name) or _taken(name, top.mapping("nodes"))) is not None:
            reader.error(name, wrong)
        record = reader.object(name, "<name>")
        node = read(record, Node, name=name)
        machines.read(name, record)
        if record.has(SITE):
            levels.nodes[name] = read_level(record, SITE)
        record.finish()
        nodes.append(_with_role(node, record))
    return tuple(nodes)


def _with_role(node: Node, record: Reader) -> Node:
    """The node with the taint of its role."""
    if node.role is not Role.CONTROL_PLANE or record.failed("role"):
        return node
    for index, taint in enumerate(node.taints):
        if (taint.key, taint.effect) == (CONTROL_PLANE_TAINT.key, CONTROL_PLANE_TAINT.effect):
            record.error(f"taints[{index}]", f"{taint} is on every control-plane node already: remove it")
    return replace(node, taints=(CONTROL_PLANE_TAINT, *node.taints))


def _taken(name: str, names: dict[str, object]) -> str | None:
    """The error if a node's name could also be the name of another node's certificate or resource."""
    for other in names:
        rest = name.removeprefix(f"{other}-")
        if rest != name and any(rest == part or rest.startswith(f"{part}-") for part in OWN_PARTS):
            return (
                f"'{name}' could be a certificate or resource of node {other}: give the node a name without '-{rest}'"
            )
    return None
