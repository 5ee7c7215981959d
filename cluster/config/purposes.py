"""Checks of addresses and networks by their purpose: each returns an error, or None."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from cluster.config.addresses import Host, IPAddress, IPNetwork, overlap

THIS_NETWORK = IPv4Network("0.0.0.0/8")
SPECIAL: tuple[tuple[IPv4Network, str], ...] = (
    (THIS_NETWORK, "unspecified addresses"),
    (IPv4Network("127.0.0.0/8"), "loopback addresses"),
    (IPv4Network("169.254.0.0/16"), "link-local addresses"),
    (IPv4Network("224.0.0.0/4"), "multicast addresses"),
    (IPv4Network("240.0.0.0/4"), "reserved addresses"),
)
"""Networks whose addresses no machine, pod or service can have."""

LARGEST_POD_CIDR, LARGEST_SERVICE_CIDR = 8, 12
SMALLEST_POD_CIDR, SMALLEST_SERVICE_CIDR, SMALLEST_PART, SMALLEST_MACHINES = 24, 28, 30, 29


def unicast(address: IPAddress) -> str | None:
    """A unicast address that other machines can reach."""
    for network, words in SPECIAL:
        if address in network:
            return f"{address} is in {network} ({words}): it must be a unicast address that other machines reach"
    return None


def endpoint(host: Host) -> str | None:
    """A DNS name or a unicast address, but not localhost."""
    if isinstance(host, IPv4Address):
        return unicast(host)
    return name(str(host))


def name(value: str) -> str | None:
    """A DNS name that can resolve to the same address on every machine: not localhost."""
    if value == "localhost" or value.endswith((".localhost", ".localdomain")):
        return f"'{value}' is each machine's name for itself: use a name that resolves to the control plane everywhere"
    return None


def pod_network(network: IPNetwork) -> str | None:
    """A network for pods: every node gets a /24 of it."""
    return _network(
        network, LARGEST_POD_CIDR, SMALLEST_POD_CIDR, "the controller manager allocates one /24 of it per node"
    )


def service_network(network: IPNetwork) -> str | None:
    """A network for services, within the limits of kube-apiserver."""
    return _network(network, LARGEST_SERVICE_CIDR, SMALLEST_SERVICE_CIDR, "kube-apiserver refuses others")


def node_pods(network: IPNetwork) -> str | None:
    """A node's part of the pod network."""
    return _network(network, LARGEST_POD_CIDR, SMALLEST_PART, "pods need addresses in addition to the node's own")


def machine_network(network: IPNetwork) -> str | None:
    """A network for VMs behind one bridge."""
    return _network(network, LARGEST_POD_CIDR, SMALLEST_MACHINES, "the gateway needs an address, too")


def _network(network: IPNetwork, largest: int, smallest: int, reason: str) -> str | None:
    for special, words in SPECIAL:
        if overlap(network, special):
            return f"{network} overlaps {special} ({words})"
    if not largest <= network.prefixlen <= smallest:
        return f"{network} is not between /{largest} and /{smallest} in size: {reason}"
    return None
