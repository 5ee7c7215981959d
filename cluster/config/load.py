"""The stack's configuration, parsed and validated once: plain data in, a Cluster out, or every error at once."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from cluster import versions
from cluster.config import artifacts, syntax
from cluster.config.addresses import IPAddress, IPNetwork, gateway, overlap
from cluster.config.kubelet_overrides import check_kubelet_overrides
from cluster.config.machines import parse_machines
from cluster.config.model import (
    Certificates,
    Cluster,
    Cni,
    Containerd,
    ControlPlane,
    Etcd,
    ExistingHosts,
    Kubernetes,
    Libvirt,
    Network,
    Node,
    Role,
    Subject,
)
from cluster.config.nodes import UNKNOWN, parse_nodes
from cluster.config.pod_cidrs import with_pod_cidrs
from cluster.config.reader import Reader


class ConfigError(Exception):
    """A configuration that cannot be. `errors` holds one line for each, beginning with the key's path."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def load_config(raw: Mapping[str, Any], root: Path) -> Cluster:
    """The validated configuration from a stack's values by key, without namespace.

    Paths in it are relative to `root`. Reads the files it names (keys, checksums), touches nothing. Raises ConfigError.
    """
    errors: list[str] = []
    top = Reader(raw, "", errors)
    cluster = top.object("cluster")
    name = cluster.text("name", check=syntax.dns_label, missing="the cluster's name, a DNS label")
    domain = cluster.text("domain", "cluster.local", syntax.domain)
    cluster.finish()

    network = _network(top.object("network"))
    machines = parse_machines(top.object("machines"), root, name)
    overrides = top.mapping("kubelet")
    check_kubelet_overrides(overrides, "kubelet", errors)
    nodes, source = parse_nodes(top, machines)

    kubernetes = top.object("kubernetes")
    version = kubernetes.choice("version", versions.SUPPORTED, versions.SUPPORTED[0])
    internal = kubernetes.text("internalEndpoint", f"api.{name or 'cluster'}.{domain}", syntax.domain)
    outside = kubernetes.text("controlPlaneEndpoint", internal, syntax.host)
    pinned = artifacts.parse(kubernetes.object("artifacts"), version, root)
    kubernetes.finish()

    containerd = top.object("containerd")
    restrict = containerd.boolean("restrictOomScoreAdj", False)
    containerd.finish()
    etcd = _etcd(top.object("etcd"))
    control_plane = _control_plane(top.object("controlPlane"))
    certificates = _certificates(top.object("certificates"))
    top.finish()

    # A role that is wrong says nothing of how many there are of each.
    if not any(".role: " in error for error in errors):
        _check_control_plane(nodes, errors)
    machine_network = source.network if isinstance(source, Libvirt) else None
    networks = {"network.podCIDR": network.pod_cidr, "network.serviceCIDR": network.service_cidr}
    _check_networks(networks, machine_network, errors)
    _check_addresses(nodes, source, networks, errors)
    if network.cni is Cni.ROUTED and not errors:
        nodes = with_pod_cidrs(nodes, network.pod_cidr, errors)
    elif network.cni is Cni.NONE:
        errors += [f"nodes.{node.name}.podCIDR: is for network.cni routed" for node in nodes if node.pod_cidr]
    if network.cluster_dns not in network.service_cidr:
        errors.append(
            f"network.clusterDNS: {network.cluster_dns} is not in network.serviceCIDR ({network.service_cidr})"
        )
    if errors or pinned is None:
        raise ConfigError(tuple(errors))
    return Cluster(
        name=name,
        domain=domain,
        machines=source,
        nodes=nodes,
        network=network,
        kubernetes=Kubernetes(
            version, internal, IPv4Address(outside) if syntax.address(outside) is None else outside, pinned
        ),
        certificates=certificates,
        kubelet=overrides,
        containerd=Containerd(restrict),
        etcd=etcd,
        control_plane=control_plane,
    )


def _network(reader: Reader) -> Network:
    settings = Network(
        pod_cidr=IPv4Network(reader.text("podCIDR", "10.2.0.0/16", syntax.network)),
        service_cidr=IPv4Network(reader.text("serviceCIDR", "10.3.0.0/16", syntax.network)),
        cluster_dns=IPv4Address(reader.text("clusterDNS", "10.3.0.10", syntax.address)),
        cni=Cni(reader.choice("cni", list(Cni), Cni.ROUTED)),
        conntrack_limits=reader.boolean("conntrackLimits", True),
        resolvers=_resolvers(reader) if reader.has("resolvers") else None,
    )
    reader.finish()
    return settings


def _resolvers(reader: Reader) -> tuple[IPAddress, ...]:
    found = []
    for index, one in enumerate(reader.texts("resolvers")):
        if (wrong := syntax.address(one)) is not None:
            reader.error(f"resolvers[{index}]", wrong)
        else:
            found.append(IPv4Address(one))
    return tuple(found)


def _etcd(reader: Reader) -> Etcd:
    settings = Etcd(
        heartbeat_interval=reader.integer("heartbeatInterval", 100, 10, 5000),
        election_timeout=reader.integer("electionTimeout", 1000, 50, 50000),
        quota=reader.integer("quota", 2048, 64, 8192),
    )
    reader.finish()
    if settings.election_timeout < 5 * settings.heartbeat_interval:
        reader.error(
            "electionTimeout",
            f"{settings.election_timeout} is less than five times heartbeatInterval ({settings.heartbeat_interval}): etcd refuses it",
        )
    return settings


def _control_plane(reader: Reader) -> ControlPlane:
    settings = ControlPlane(
        lease_duration=reader.integer("leaseDuration", 15, 5, 600),
        renew_deadline=reader.integer("renewDeadline", 10, 2, 600),
        retry_period=reader.integer("retryPeriod", 2, 1, 600),
        probe_period=reader.integer("probePeriod", 10, 1, 300),
    )
    reader.finish()
    if not settings.lease_duration > settings.renew_deadline > settings.retry_period:
        reader.error(
            "leaseDuration",
            f"{settings.lease_duration} > renewDeadline ({settings.renew_deadline}) > retryPeriod "
            f"({settings.retry_period}) does not hold: a leader must be able to renew before its lease ends",
        )
    return settings


def _certificates(reader: Reader) -> Certificates:
    subject = reader.object("caSubject")
    settings = Certificates(
        algorithm=reader.choice("algorithm", ["ECDSA", "RSA"], "ECDSA"),
        ca_subject=Subject(
            common_name=subject.text("commonName", "kubernetes-ca"),
            organization=subject.text("organization", ""),
            organizational_unit=subject.text("organizationalUnit", ""),
            country=subject.text("country", ""),
            province=subject.text("province", ""),
            locality=subject.text("locality", ""),
        ),
        ca_validity_hours=reader.integer("caValidityHours", 87600, 2, 876000),
        validity_hours=reader.integer("validityHours", 8760, 1, 876000),
        early_renewal_hours=reader.integer("earlyRenewalHours", 720, 0, 876000),
        protect_ca=reader.boolean("protectCa", True),
    )
    subject.finish()
    reader.finish()
    if settings.validity_hours >= settings.ca_validity_hours:
        reader.error(
            "validityHours",
            f"{settings.validity_hours} is not less than caValidityHours ({settings.ca_validity_hours}): "
            "a certificate must end before the authority that signed it",
        )
    if settings.early_renewal_hours >= settings.validity_hours:
        reader.error(
            "earlyRenewalHours",
            f"{settings.early_renewal_hours} is not less than validityHours ({settings.validity_hours}): "
            "every run would renew every certificate",
        )
    return settings


def _check_control_plane(nodes: tuple[Node, ...], errors: list[str]) -> None:
    names = [node.name for node in nodes if node.role is Role.CONTROL_PLANE]
    if not names:
        errors.append("nodes: none has role control-plane: one, three or five are needed")
    elif len(names) % 2 == 0:
        errors.append(
            f"nodes: {len(names)} have role control-plane ({', '.join(names)}): an odd number is needed, since etcd "
            f"writes by majority and {len(names)} members survive no more failures than {len(names) - 1}"
        )


def _check_networks(networks: dict[str, IPNetwork], machines: IPNetwork | None, errors: list[str]) -> None:
    named = [*networks.items(), *([("machines.libvirt.network", machines)] if machines else [])]
    for index, (key, value) in enumerate(named):
        for other, earlier in named[:index]:
            if overlap(value, earlier):
                errors.append(
                    f"{key}: {value} overlaps {other} ({earlier}): each address may belong to one network only"
                )


def _check_addresses(
    nodes: tuple[Node, ...], machines: Libvirt | ExistingHosts, networks: dict[str, IPNetwork], errors: list[str]
) -> None:
    seen: dict[str, str] = {}
    for node in nodes:
        if node.address == UNKNOWN:
            continue
        key, address, place = f"nodes.{node.name}.address", node.address, str(node.address)
        if isinstance(machines, ExistingHosts) and (host := machines.hosts.get(node.name)) is not None:
            # Behind one address several existing hosts may answer on ports of their own.
            place = f"{node.address}:{host.port}"
        if place in seen:
            errors.append(f"{key}: {place} is the address of {seen[place]} already")
        seen[place] = node.name
        if isinstance(machines, Libvirt):
            _check_in_network(key, address, machines.network, errors)
        for other, network in networks.items():
            if address in network:
                errors.append(f"{key}: {address} is in {other} ({network}): a node's address must lie outside it")


def _check_in_network(key: str, address: IPAddress, network: IPNetwork, errors: list[str]) -> None:
    if address not in network:
        errors.append(f"{key}: {address} is not in machines.libvirt.network ({network})")
    elif address == gateway(network):
        errors.append(f"{key}: {address} is the gateway of machines.libvirt.network ({network})")
    elif address in (network.network_address, network.broadcast_address):
        errors.append(f"{key}: {address} is the network or broadcast address of machines.libvirt.network ({network})")
