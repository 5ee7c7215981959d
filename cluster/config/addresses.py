"""Addresses, networks and URLs. One type covers both IP versions, so consumers need not distinguish them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Host = str | IPAddress
"""The target of a client: a DNS name or an address."""


def url(host: Host, port: int, scheme: str = "https") -> str:
    """The URL of a port, without a path. IPv6 addresses are put in brackets."""
    return f"{scheme}://[{host}]:{port}" if isinstance(host, IPv6Address) else f"{scheme}://{host}:{port}"


def gateway(network: IPNetwork) -> IPAddress:
    """The first host address of a network: the hypervisor's own, or the API's in the service network."""
    return network.network_address + 1


def prefix_length(network: IPNetwork) -> int:
    """The length of a network's prefix in bits."""
    return network.prefixlen


def overlap(one: IPNetwork, other: IPNetwork) -> bool:
    """Whether two networks share an address. Networks of different IP versions share none."""
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


def within(part: IPNetwork, whole: IPNetwork) -> bool:
    """Whether every address of `part` is in `whole`."""
    return overlap(part, whole) and part.prefixlen >= whole.prefixlen
