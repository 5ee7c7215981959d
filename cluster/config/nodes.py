"""The configured nodes: records keyed by name."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from cluster.config import syntax
from cluster.config.kubelet_overrides import check_kubelet_overrides
from cluster.config.machines import MachineSettings, Source, parse_size, parse_ssh
from cluster.config.model import ExistingHosts, Libvirt, MachineSize, Node, Role, SshHost, Taint
from cluster.config.reader import Reader

ROLES = {"control-plane": Role.CONTROL_PLANE, "master": Role.CONTROL_PLANE, "worker": Role.WORKER}
CONTROL_PLANE_TAINT = Taint("node-role.kubernetes.io/control-plane", "", "NoSchedule")


UNKNOWN = IPv4Address("0.0.0.0")
"""The address of a node after an error in it."""


def parse_nodes(top: Reader, machines: MachineSettings) -> tuple[tuple[Node, ...], Libvirt | ExistingHosts]:
    """Every node, in configured order, and their machines. Errors name `nodes.<name>.<key>`."""
    sizes: dict[str, MachineSize] = {}
    hosts: dict[str, SshHost] = {}
    reader = top.object("nodes")
    nodes = []
    for name in top.mapping("nodes"):
        if (wrong := syntax.dns_label(name)) is not None:
            reader.error(name, wrong)
        below = reader.object(name)
        if machines.source is Source.LIBVIRT:
            sizes[name] = _size(below, machines)
        elif (host := _host(below, machines)) is not None:
            hosts[name] = host
        nodes.append(_node(name, below))
    if not top.has("nodes"):
        top.error("nodes", "is missing: at least one node with role control-plane")
    return tuple(nodes), machines.of_nodes(sizes, hosts)


def _size(reader: Reader, machines: MachineSettings) -> MachineSize:
    if reader.has("ssh"):
        reader.error("ssh", "is for machines.source existing; libvirt machines get their keys from the program")
    return parse_size(reader.object("machine"), machines.size)


def _host(reader: Reader, machines: MachineSettings) -> SshHost | None:
    if reader.has("machine"):
        reader.error("machine", "is for machines.source libvirt; an existing host has the size it has")
    return parse_ssh(reader.object("ssh"), machines.ssh, machines.root)


def _node(name: str, reader: Reader) -> Node:
    role = ROLES[reader.choice("role", ROLES)]
    address = reader.text("address", check=syntax.address, missing="the node's IPv4 address")
    labels = _labels(reader)
    taints = _taints(reader, role)
    overrides = reader.mapping("kubelet")
    pod_cidr = reader.text("podCIDR", "", syntax.network)
    check_kubelet_overrides(overrides, reader.at("kubelet"), reader.errors)
    reader.finish()
    return Node(
        name,
        role,
        IPv4Address(address) if address else UNKNOWN,
        labels,
        taints,
        overrides,
        IPv4Network(pod_cidr) if pod_cidr else None,
    )


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
