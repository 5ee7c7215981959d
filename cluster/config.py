"""The stack's configuration, parsed and validated once: plain data in, a Cluster out, or every error at once."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from cluster import artifacts, syntax, versions
from cluster.machines import parse_machines
from cluster.model import CertificateSettings, Cluster, ControlPlane, Etcd, PodNetwork, Profile, Role, Source, Subject
from cluster.nodes import parse_nodes
from cluster.overrides import check_kubelet_overrides
from cluster.pods import with_pods
from cluster.reader import Reader


class ConfigError(Exception):
    """A configuration that cannot be. `errors` holds one line for each, beginning with the key's path."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def load(raw: Mapping[str, Any], root: Path) -> Cluster:
    """The validated configuration from a stack's values by key, without namespace.

    Paths in it are relative to `root`. Reads the files it names (keys, checksums), touches nothing. Raises ConfigError.
    """
    errors: list[str] = []
    top = Reader(raw, "", errors)
    cluster = top.object("cluster")
    name = cluster.text("name", check=syntax.dns_label, missing="the cluster's name, a DNS label")
    domain = cluster.text("domain", "cluster.local", syntax.domain)
    cluster.finish()

    network = top.object("network")
    pods = network.text("pods", "10.2.0.0/16", syntax.network)
    services = network.text("services", "10.3.0.0/16", syntax.network)
    dns = network.text("dns", "10.3.0.10", syntax.address)
    mode = PodNetwork(network.choice("mode", list(PodNetwork), PodNetwork.ROUTED))
    conntrack = network.boolean("conntrackLimits", True)
    resolvers = network.texts("resolvers") if network.has("resolvers") else None
    for index, one in enumerate(resolvers or ()):
        if (wrong := syntax.address(one)) is not None:
            network.error(f"resolvers[{index}]", wrong)
    network.finish()

    machines = parse_machines(top.object("machines"), root, name)
    overrides = top.mapping("kubelet")
    check_kubelet_overrides(overrides, "kubelet", errors)
    nodes = parse_nodes(top, machines)

    kubernetes = top.object("kubernetes")
    version = kubernetes.choice("version", versions.SUPPORTED, versions.SUPPORTED[0])
    api_name = kubernetes.text("apiName", f"api.{name or 'cluster'}.{domain}", syntax.domain)
    endpoint = kubernetes.text("endpoint", api_name, syntax.host)
    pinned = artifacts.parse(kubernetes.object("artifacts"), version, root)
    kubernetes.finish()

    containerd = top.object("containerd")
    restrict = containerd.boolean("restrictOomScoreAdj", False)
    containerd.finish()
    store = _etcd(top.object("etcd"))
    control = _control(top.object("controlPlane"))
    profile = Profile(top.choice("profile", list(Profile), Profile.STANDARD))
    certificates = _certificates(top.object("certificates"))
    top.finish()

    # A role that is wrong says nothing of how many there are of each.
    if not any(".role: " in error for error in errors):
        _check_control_plane(nodes, errors)
    machine_network = machines.libvirt.network if machines.libvirt else None
    _check_networks({"network.pods": pods, "network.services": services}, machine_network, errors)
    _check_addresses(
        nodes, machines.source, machine_network, {"network.pods": pods, "network.services": services}, errors
    )
    if mode is PodNetwork.ROUTED and not errors:
        nodes = with_pods(nodes, pods, errors)
    elif mode is PodNetwork.NONE:
        errors += [f"nodes.{node.name}.pods: is for network.mode routed" for node in nodes if node.pods]
    if IPv4Address(dns) not in IPv4Network(services):
        errors.append(f"network.dns: {dns} is not in network.services ({services})")
    if errors:
        raise ConfigError(tuple(errors))
    assert pinned is not None
    return Cluster(
        name=name,
        domain=domain,
        profile=profile,
        source=machines.source,
        operating_system=machines.operating_system,
        login_user=machines.login_user,
        libvirt=machines.libvirt,
        nodes=nodes,
        pod_network=pods,
        service_network=services,
        dns_address=dns,
        api_name=api_name,
        endpoint=endpoint,
        kubernetes_version=version,
        artifacts=pinned,
        certificates=certificates,
        kubelet=overrides,
        restrict_oom_score_adj=restrict,
        etcd=store,
        control=control,
        pods=mode,
        resolvers=resolvers,
        conntrack_limits=conntrack,
    )


def _etcd(reader: Reader) -> Etcd:
    settings = Etcd(
        heartbeat=reader.integer("heartbeatInterval", 100, 10, 5000),
        election=reader.integer("electionTimeout", 1000, 50, 50000),
        quota=reader.integer("quota", 2048, 64, 8192),
    )
    reader.finish()
    if settings.election < 5 * settings.heartbeat:
        reader.error(
            "electionTimeout",
            f"{settings.election} is less than five times heartbeatInterval ({settings.heartbeat}): etcd refuses it",
        )
    return settings


def _control(reader: Reader) -> ControlPlane:
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


def _certificates(reader: Reader) -> CertificateSettings:
    subject = reader.object("caSubject")
    settings = CertificateSettings(
        algorithm=reader.choice("algorithm", ["ECDSA", "RSA"], "ECDSA"),
        ca_subject=Subject(
            common_name=subject.text("commonName", "kubernetes-ca"),
            organization=subject.text("organization", ""),
            organizational_unit=subject.text("organizationalUnit", ""),
            country=subject.text("country", ""),
            province=subject.text("province", ""),
            locality=subject.text("locality", ""),
        ),
        ca_validity=reader.integer("caValidityHours", 87600, 2, 876000),
        validity=reader.integer("validityHours", 8760, 1, 876000),
        early_renewal=reader.integer("earlyRenewalHours", 720, 0, 876000),
        protect_ca=reader.boolean("protectCa", True),
    )
    subject.finish()
    reader.finish()
    if settings.validity >= settings.ca_validity:
        reader.error(
            "validityHours",
            f"{settings.validity} is not less than caValidityHours ({settings.ca_validity}): "
            "a certificate must end before the authority that signed it",
        )
    if settings.early_renewal >= settings.validity:
        reader.error(
            "earlyRenewalHours",
            f"{settings.early_renewal} is not less than validityHours ({settings.validity}): "
            "every run would renew every certificate",
        )
    return settings


def _check_control_plane(nodes: tuple[Any, ...], errors: list[str]) -> None:
    masters = [node.name for node in nodes if node.role is Role.CONTROL_PLANE]
    if not masters:
        errors.append("nodes: none has role control-plane: one, three or five are needed")
    elif len(masters) % 2 == 0:
        errors.append(
            f"nodes: {len(masters)} have role control-plane ({', '.join(masters)}): an odd number is needed, since etcd "
            f"writes by majority and {len(masters)} members survive no more failures than {len(masters) - 1}"
        )


def _check_networks(networks: dict[str, str], machines: str | None, errors: list[str]) -> None:
    named = [*networks.items(), *([("machines.libvirt.network", machines)] if machines else [])]
    for index, (key, value) in enumerate(named):
        for other, text in named[:index]:
            if IPv4Network(value).overlaps(IPv4Network(text)):
                errors.append(f"{key}: {value} overlaps {other} ({text}): each address may belong to one network only")


def _check_addresses(
    nodes: tuple[Any, ...], source: Source, machines: str | None, networks: dict[str, str], errors: list[str]
) -> None:
    seen: dict[str, str] = {}
    for node in nodes:
        if not node.address:
            continue
        key, address = f"nodes.{node.name}.address", IPv4Address(node.address)
        # Behind one address several existing hosts may answer on ports of their own.
        place = node.address if node.ssh is None else f"{node.address}:{node.ssh.port}"
        if place in seen:
            errors.append(f"{key}: {place} is the address of {seen[place]} already")
        seen[place] = node.name
        if source is Source.LIBVIRT and machines is not None:
            _check_in_network(key, address, IPv4Network(machines), errors)
        for other, text in networks.items():
            if address in IPv4Network(text):
                errors.append(f"{key}: {address} is in {other} ({text}): a node's address must lie outside it")


def _check_in_network(key: str, address: IPv4Address, network: IPv4Network, errors: list[str]) -> None:
    if address not in network:
        errors.append(f"{key}: {address} is not in machines.libvirt.network ({network})")
    elif address == network.network_address + 1:
        errors.append(f"{key}: {address} is the gateway of machines.libvirt.network ({network})")
    elif address in (network.network_address, network.broadcast_address):
        errors.append(f"{key}: {address} is the network or broadcast address of machines.libvirt.network ({network})")
