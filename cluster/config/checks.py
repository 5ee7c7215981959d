"""Checks across sections: addresses, networks and names that must not overlap or repeat. Each check notes one kind of error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.config.addresses import IPAddress, IPNetwork, gateway, overlap
from cluster.config.model import Cni, ExistingHosts, KubernetesKeys, Libvirt, Network, Node, Role
from cluster.config.pod_cidrs import PREFIX, room
from cluster.config.reader import Scope


@dataclass(frozen=True)
class Draft:
    """The parsed sections. A key with an error has its default here, so the checks look at `scope.failed` first."""

    network: Network
    kubernetes: KubernetesKeys
    machines: Libvirt | ExistingHosts
    nodes: Sequence[Node]

    def networks(self, scope: Scope) -> dict[str, IPNetwork]:
        """The networks by key, without those that have an error."""
        found = {"network.podCIDR": self.network.pod_cidr, "network.serviceCIDR": self.network.service_cidr}
        if isinstance(self.machines, Libvirt):
            found["machines.libvirt.network"] = self.machines.network
        return {key: network for key, network in found.items() if not scope.failed(key)}


def check(draft: Draft, scope: Scope) -> None:
    """Runs every check across sections."""
    check_control_plane_nodes(draft.nodes, scope)
    _networks(draft, scope)
    _node_addresses(draft, scope)
    _endpoints(draft, scope)
    _pod_cidrs(draft, scope)


def check_control_plane_nodes(nodes: Sequence[Node], scope: Scope) -> None:
    """Notes an error if there are no control-plane nodes, or an even number."""
    names = [node.name for node in nodes if node.role is Role.CONTROL_PLANE]
    # If a role is invalid, the number of nodes per role is unknown.
    if (not nodes and scope.failed("nodes")) or any(scope.failed(f"nodes.{one.name}.role") for one in nodes):
        return
    if not names:
        scope.error("nodes", "none has role control-plane: one, three or five are needed")
    elif len(names) % 2 == 0:
        scope.error(
            "nodes",
            f"{len(names)} have role control-plane ({', '.join(names)}): an odd number is needed, since etcd "
            f"writes by majority and {len(names)} members survive no more failures than {len(names) - 1}",
        )


def _networks(draft: Draft, scope: Scope) -> None:
    named = list(draft.networks(scope).items())
    for index, (key, network) in enumerate(named):
        for other, earlier in named[:index]:
            if overlap(network, earlier):
                scope.error(key, f"{network} overlaps {other} ({earlier}): each address may belong to one network only")


def _node_addresses(draft: Draft, scope: Scope) -> None:
    seen: dict[IPAddress, str] = {}
    networks = draft.networks(scope)
    machines = networks.pop("machines.libvirt.network", None)
    for node in draft.nodes:
        key, address = f"nodes.{node.name}.address", node.address
        if scope.failed(key):
            continue
        if address in seen:
            scope.error(key, f"{address} is the address of {seen[address]} already")
        seen[address] = node.name
        if machines is not None:
            _in_machine_network(key, address, machines, scope)
        for other, network in networks.items():
            if address in network:
                scope.error(key, f"{address} is in {other} ({network}): a node's address must be outside it")


def _in_machine_network(key: str, address: IPAddress, network: IPNetwork, scope: Scope) -> None:
    if address not in network:
        scope.error(key, f"{address} is not in machines.libvirt.network ({network})")
    elif address == gateway(network):
        scope.error(key, f"{address} is the gateway of machines.libvirt.network ({network})")
    elif address in (network.network_address, network.broadcast_address):
        scope.error(key, f"{address} is the network or broadcast address of machines.libvirt.network ({network})")


def _endpoints(draft: Draft, scope: Scope) -> None:
    internal, outside = "kubernetes.internalEndpoint", "kubernetes.controlPlaneEndpoint"
    if not scope.failed(internal) and any(node.name == draft.kubernetes.internal_endpoint for node in draft.nodes):
        scope.error(
            internal,
            f"'{draft.kubernetes.internal_endpoint}' is a node's name: /etc/hosts on each node gives the internal endpoint "
            "the addresses of all control-plane nodes",
        )
    host = draft.kubernetes.control_plane_endpoint
    if scope.failed(outside) or isinstance(host, str):
        return
    networks = draft.networks(scope)
    machines = networks.pop("machines.libvirt.network", None)
    for key, network in networks.items():
        if host in network:
            scope.error(outside, f"{host} is in {key} ({network}): clients outside the cluster must reach it")
    if machines is not None and host in machines and host in (gateway(machines), machines.broadcast_address):
        scope.error(outside, f"{host} is the gateway or broadcast address of machines.libvirt.network ({machines})")


def _pod_cidrs(draft: Draft, scope: Scope) -> None:
    key = "network.podCIDR"
    whole = draft.network.pod_cidr
    if draft.network.cni is Cni.NONE:
        for node in draft.nodes:
            if node.pod_cidr is not None:
                scope.error(f"nodes.{node.name}.podCIDR", "is for network.cni routed")
    if scope.failed(key):
        return
    derived = [node for node in draft.nodes if node.pod_cidr is None]
    if len(derived) > room(whole):
        scope.error(
            key,
            f"{whole} has room for {room(whole)} nodes with one /{PREFIX} per node, {len(derived)} are configured: set a larger one",
        )
