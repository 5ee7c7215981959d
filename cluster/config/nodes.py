"""The configured nodes: records keyed by name."""

from __future__ import annotations

from cluster.config import syntax
from cluster.config.kubelet_overrides import check_kubelet_overrides
from cluster.config.machines import MachineSettings, parse_size, parse_ssh
from cluster.config.model import Node, Role, Source, Taint
from cluster.config.reader import Reader

ROLES = {"control-plane": Role.CONTROL_PLANE, "master": Role.CONTROL_PLANE, "worker": Role.WORKER}
CONTROL_PLANE_TAINT = Taint("node-role.kubernetes.io/control-plane", "", "NoSchedule")


def parse_nodes(top: Reader, machines: MachineSettings) -> tuple[Node, ...]:
    """Every node, in configured order. Errors name `nodes.<name>.<key>`."""
    reader = top.object("nodes")
    nodes = []
    for name in top.mapping("nodes"):
        if (wrong := syntax.dns_label(name)) is not None:
            reader.error(name, wrong)
        nodes.append(_node(name, reader.object(name), machines))
    if not top.has("nodes"):
        top.error("nodes", "is missing: at least one node with role control-plane")
    return tuple(nodes)


def _node(name: str, reader: Reader, machines: MachineSettings) -> Node:
    role = ROLES[reader.choice("role", ROLES)]
    address = reader.text("address", check=syntax.address, missing="the node's IPv4 address")
    labels = _labels(reader)
    taints = _taints(reader, role)
    overrides = reader.mapping("kubelet")
    pods = reader.text("pods", "", syntax.network)
    check_kubelet_overrides(overrides, reader.at("kubelet"), reader.errors)
    size = ssh = None
    if machines.source is Source.LIBVIRT:
        size = parse_size(reader.object("machine"), machines.size)
        if reader.has("ssh"):
            reader.error("ssh", "is for machines.source existing; libvirt machines get their keys from the program")
    else:
        ssh = parse_ssh(reader.object("ssh"), machines.ssh, machines.root)
        if reader.has("machine"):
            reader.error("machine", "is for machines.source libvirt; an existing host has the size it has")
    reader.finish()
    return Node(name, role, address, labels, taints, size, ssh, overrides, pods)


def _labels(reader: Reader) -> dict[str, str]:
    labels = {}
    for key, value in reader.mapping("labels").items():
        if not isinstance(value, str):
            reader.error(f"labels.{key}", f"{value!r} is not text: put it in quotes")
        elif (wrong := syntax.label(key, value) or syntax.self_set_label(key)) is not None:
            reader.error(f"labels.{key}", wrong)
        else:
            labels[key] = value
    return labels


def _taints(reader: Reader, role: Role) -> tuple[Taint, ...]:
    taints = [CONTROL_PLANE_TAINT] if role is Role.CONTROL_PLANE else []
    for index, text in enumerate(reader.texts("taints")):
        if (wrong := syntax.taint(text)) is not None:
            reader.error(f"taints[{index}]", wrong)
            continue
        found, _, effect = text.rpartition(":")
        key, _, value = found.partition("=")
        taints.append(Taint(key, value, effect))
    return tuple(taints)
