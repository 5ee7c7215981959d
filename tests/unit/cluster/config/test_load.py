"""The result of load_config for valid configurations, and the report of several errors."""

from __future__ import annotations

import copy
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from cluster import versions
from cluster.config import kubelet_schema, tree
from cluster.config.kubelet_base import BASE
from cluster.config.kubelet_values import check_value
from cluster.config.load import load_config
from cluster.config.model import ExistingHosts, Libvirt
from cluster.node import kubelet
from cluster.pki import leaves
from tests.unit.cluster.config.conftest import LIBVIRT, SHA, Errors, changed
from tests.unit.keys import ECDSA, HOST_KEY, public_key

AUTHORIZED = [
    HOST_KEY,
    f"{public_key(ECDSA)} operator@desk",
    f'restrict,command="echo \\"a, b\\"",from="192.0.2.0/24" {HOST_KEY[:-3]}aaa operator',
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    "AAAABHNzaDo= token",
]


def test_load_config_reads_libvirt_machines(libvirt: dict[str, Any], root: Path) -> None:
    machines = load_config(changed(libvirt, {"nodes/w1/machine": {"memory": 4096}}), root).machines
    assert isinstance(machines, Libvirt)
    assert machines.image.sha256 == SHA
    assert (machines.pool, machines.bridge) == ("/var/lib/libvirt/plumbline/proof", "pb-proof")
    assert (machines.sizes["m1"].memory, machines.sizes["w1"].memory) == (2048, 4096)


def test_load_config_reads_existing_hosts(existing: dict[str, Any], root: Path) -> None:
    found = load_config(existing, root)
    assert [node.role for node in found.nodes] == ["control-plane", "worker"]
    assert isinstance(found.machines, ExistingHosts)
    host = found.machines.hosts["m1"]
    assert (host.user, host.port, host.private_key_file, host.host_key) == ("core", 22, root / "id", HOST_KEY)


def test_load_config_derives_defaults_from_other_keys(libvirt: dict[str, Any], root: Path) -> None:
    found = load_config(changed(libvirt, {"cluster/domain": "example.net"}), root)
    assert found.kubernetes.internal_endpoint == "api.proof.example.net"
    assert found.kubernetes.control_plane_endpoint == "api.proof.example.net"
    assert [node.pod_cidr for node in found.nodes] == [IPv4Network("10.2.11.0/24"), IPv4Network("10.2.21.0/24")]
    found = load_config(changed(libvirt, {"kubernetes/controlPlaneEndpoint": "10.77.0.5"}), root)
    assert found.kubernetes.control_plane_endpoint == IPv4Address("10.77.0.5")


def test_load_config_reports_all_errors_at_once(libvirt_errors: Errors) -> None:
    found = libvirt_errors({"cluster/name": "No", "nodes/w1/role": "minion", "network/clusterDNS": "10.4.0.10"})
    assert [error.split(":")[0] for error in found] == ["cluster.name", "network.clusterDNS", "nodes.w1.role"]


def test_load_config_names_missing_keys_of_an_empty_configuration(libvirt_errors: Errors) -> None:
    assert libvirt_errors({"cluster": {}, "machines": {}, "nodes": None}) == (
        "cluster.name: is missing: the cluster's name, a DNS label",
        "machines.source: is missing: one of libvirt, existing",
        "nodes: is missing: at least one node with role control-plane",
    )


@pytest.mark.parametrize("index", range(len(AUTHORIZED)))
def test_load_config_accepts_lines_of_authorized_keys(libvirt_errors: Errors, index: int) -> None:
    assert libvirt_errors({"machines/libvirt/authorizedKeys": [AUTHORIZED[index]]}) == ()


def test_two_clusters_on_one_hypervisor_share_no_name(libvirt: dict[str, Any], root: Path) -> None:
    names = ["proof", "a-cluster-with-a-long-name", "a-cluster-with-a-long-name-too"]
    found = []
    for name in names:
        machines = load_config(changed(libvirt, {"cluster/name": name}), root).machines
        assert isinstance(machines, Libvirt)
        assert len(machines.bridge) <= 15
        found += [machines.bridge, machines.pool]
    assert len(set(found)) == 2 * len(names)


def test_leaf_names_are_unique(root: Path, libvirt_errors: Errors) -> None:
    """A node whose name begins the name of a leaf of m1 is refused, or its leaves have other names."""
    cluster = load_config(copy.deepcopy(LIBVIRT), root)
    own = {leaf.name for leaf in leaves.leaves(cluster) if leaf.node == "m1"}
    begun = {"-".join(name.split("-")[:count]) for name in own for count in range(2, name.count("-") + 2)}
    assert {"m1-apiserver", "m1-etcd", "m1-kube-proxy"} <= begun
    refused = set()
    for name in begun:
        values = changed(copy.deepcopy(LIBVIRT), {"nodes/w1": None, f"nodes/{name}": LIBVIRT["nodes"]["w1"]})
        if any(error.startswith(f"nodes.{name}: ") for error in libvirt_errors(values)):
            refused.add(name)
            continue
        names = [leaf.name for leaf in leaves.leaves(load_config(values, root))]
        assert len(names) == len(set(names)), name
    assert "m1-apiserver" in refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network/pods": "10.2.0.0/16"}, "network.pods: is now network.podCIDR"),
        ({"network/services": "10.3.0.0/16"}, "network.services: is now network.serviceCIDR"),
        ({"network/dns": "10.3.0.10"}, "network.dns: is now network.clusterDNS"),
        ({"network/mode": "routed"}, "network.mode: is now network.cni"),
        ({"kubernetes/apiName": "api.x"}, "kubernetes.apiName: is now kubernetes.internalEndpoint"),
        ({"kubernetes/endpoint": "api.x"}, "kubernetes.endpoint: is now kubernetes.controlPlaneEndpoint"),
        ({"nodes/w1/pods": "10.2.7.0/24"}, "nodes.w1.pods: is now nodes.w1.podCIDR"),
        (
            {"machines/os": "debian"},
            "machines.os: is now machines.libvirt.os, since it has no effect on existing hosts",
        ),
        (
            {"profile": "classic"},
            "profile: was removed: `make classic STACK=<stack>` writes the files of the 2018 series for that stack's nodes",
        ),
    ],
)
def test_load_config_names_the_replacement_of_a_former_key(
    libvirt_errors: Errors, change: dict[str, Any], message: str
) -> None:
    assert libvirt_errors(change) == (message,)


def test_every_former_key_has_a_case() -> None:
    assert len(tree.former_keys()) == 9


@pytest.mark.parametrize("version", versions.SUPPORTED)
def test_every_supported_version_has_a_kubelet_schema(version: str) -> None:
    assert "maxPods" in kubelet_schema.load(version).types[kubelet_schema.ROOT]


def test_every_key_of_the_programs_own_kubelet_configuration_fits_the_schema(
    libvirt: dict[str, Any], root: Path
) -> None:
    cluster = load_config(libvirt, root)
    for node in cluster.nodes:
        written = kubelet.configuration(cluster, node)
        assert (
            list(check_value(kubelet_schema.load(cluster.kubernetes.version), kubelet_schema.ROOT, written, "")) == []
        )
        assert written.keys() == BASE.keys()
        assert {key for key, value in BASE.items() if value is not None and written[key] != value} == {"authentication"}
