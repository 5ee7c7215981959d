"""What an address or a network may be, by what it is for: each check returns what is wrong, or None."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from cluster.config.addresses import Host, IPAddress, IPNetwork, overlap

THIS_NETWORK = IPv4Network("0.0.0.0/8")
SPECIAL: tuple[tuple[IPv4Network, str], ...] = (
    (THIS_NETWORK, "addresses of no machine"),
    (IPv4Network("127.0.0.0/8"), "loopback addresses"),
    (IPv4Network("169.254.0.0/16"), "link-local addresses"),
    (IPv4Network("224.0.0.0/4"), "multicast addresses"),
    (IPv4Network("240.0.0.0/4"), "reserved addresses"),
)
"""Networks that no machine, pod or service can have addresses of."""

LARGEST_POD_CIDR, LARGEST_SERVICE_CIDR = 8, 12
SMALLEST_POD_CIDR, SMALLEST_SERVICE_CIDR, SMALLEST_PART, SMALLEST_MACHINES = 24, 28, 30, 29


def unicast(address: IPAddress) -> str | None:
    """An address that one machine can have and others can reach."""
    for network, words in SPECIAL:
        if address in network:
            return f"{address} is in {network} ({words}): it must be a unicast address that other machines reach"
    return None


def endpoint(host: Host) -> str | None:
    """A DNS name or a unicast address, and not the machine's own."""
    if isinstance(host, IPv4Address):
        return unicast(host)
    return name(str(host))


def name(value: str) -> str | None:
    """A DNS name that means the same on every machine."""
    if value == "localhost" or value.endswith((".localhost", ".localdomain")):
        return f"'{value}' means another machine on each machine: use a name that means the control plane everywhere"
    return None


def pod_network(network: IPNetwork) -> str | None:
    """A network for pods: every node gets a /24 of it."""
    return _network(network, LARGEST_POD_CIDR, SMALLEST_POD_CIDR, "the controller manager gives nodes a /24 each of it")


def service_network(network: IPNetwork) -> str | None:
    """A network for services, within the limits of kube-apiserver."""
    return _network(network, LARGEST_SERVICE_CIDR, SMALLEST_SERVICE_CIDR, "kube-apiserver refuses others")


def node_pods(network: IPNetwork) -> str | None:
    """A node's part of the pod network."""
    return _network(network, LARGEST_POD_CIDR, SMALLEST_PART, "pods need addresses beside the node's own")


def machine_network(network: IPNetwork) -> str | None:
    """A network for VMs behind one bridge."""
    return _network(network, LARGEST_POD_CIDR, SMALLEST_MACHINES, "the gateway takes an address, too")


def _network(network: IPNetwork, largest: int, smallest: int, reason: str) -> str | None:
    for special, words in SPECIAL:
        if overlap(network, special):
            return f"{network} overlaps {special} ({words})"
    if not largest <= network.prefixlen <= smallest:
        return f"{network} is not between /{largest} and /{smallest} in size: {reason}"
    return None
