"""Errors of `nodes`: names, addresses, labels, taints and pod networks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cluster.config.conftest import Errors

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "address outside",
        {"nodes/w1/address": "10.78.0.21"},
        "nodes.w1.address: 10.78.0.21 is not in machines.libvirt.network (10.77.0.0/24)",
    ),
    ("address twice", {"nodes/w1/address": "10.77.0.11"}, "nodes.w1.address: 10.77.0.11 is the address of m1 already"),
    (
        "gateway",
        {"nodes/w1/address": "10.77.0.1"},
        "nodes.w1.address: 10.77.0.1 is the gateway of machines.libvirt.network (10.77.0.0/24)",
    ),
    (
        "broadcast",
        {"nodes/w1/address": "10.77.0.255"},
        "nodes.w1.address: 10.77.0.255 is the network or broadcast address of machines.libvirt.network (10.77.0.0/24)",
    ),
    ("no address", {"nodes/w1/address": None}, "nodes.w1.address: is missing: the node's IPv4 address"),
    (
        "bad address",
        {"nodes/w1/address": "10.77.0"},
        "nodes.w1.address: '10.77.0' is not an IPv4 address, such as 10.77.0.11",
    ),
    (
        "an even number of control-plane nodes",
        {"nodes/w1/role": "master"},
        "nodes: 2 have role control-plane (m1, w1): an odd number is needed, since etcd writes by majority and "
        "2 members survive no more failures than 1",
    ),
    (
        "no control-plane node",
        {"nodes/m1/role": "worker"},
        "nodes: none has role control-plane: one, three or five are needed",
    ),
    (
        "unknown role",
        {"nodes/w1/role": "minion"},
        "nodes.w1.role: 'minion' is not one of control-plane, worker, master",
    ),
    (
        "bad node name",
        {"nodes/W_2": {"role": "worker", "address": "10.77.0.22"}},
        "nodes.W_2: 'W_2' is not a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "taint without effect",
        {"nodes/w1/taints": ["dedicated=database"]},
        "nodes.w1.taints[0]: 'dedicated=database' is not a taint: key=value:Effect with Effect one of "
        "NoSchedule, PreferNoSchedule, NoExecute",
    ),
    (
        "label of kubernetes.io",
        {"nodes/w1/labels": {"kubernetes.io/role": "worker"}},
        "nodes.w1.labels.kubernetes.io/role: a kubelet may set labels of kubernetes.io only below "
        "node.kubernetes.io and kubelet.kubernetes.io",
    ),
    (
        "role label",
        {"nodes/w1/labels": {"node-role.kubernetes.io/worker": ""}},
        "nodes.w1.labels.node-role.kubernetes.io/worker: a kubelet may not set a role label on its node (refused since "
        "Kubernetes 1.16): remove it, the program sets the role label through the API",
    ),
    (
        "bad label value",
        {"nodes/w1/labels": {"pool": "a b"}},
        "nodes.w1.labels.pool: 'a b' is not a label value: up to 63 of letters, digits, '-', '_' and '.', "
        "ends alphanumeric",
    ),
    (
        "label that is not text",
        {"nodes/w1/labels": {"pool": 1}},
        "nodes.w1.labels.pool: 1 is not text: put it in quotes",
    ),
    ("unknown key", {"nodes/w1/adress": "x"}, "nodes.w1.adress: is not a known key; did you mean address?"),
    (
        "memory too small",
        {"nodes/w1/machine": {"memory": 64}},
        "nodes.w1.machine.memory: 64 is not between 1024 and 4194304",
    ),
    (
        "boolean for a number",
        {"nodes/w1/machine": {"vcpus": True}},
        "nodes.w1.machine.vcpus: is true (true or false), not a whole number",
    ),
    (
        "a node's key that the program sets",
        {"nodes/w1/kubelet": {"tlsCertFile": "/x"}},
        "nodes.w1.kubelet.tlsCertFile: is set by the program: the certificate comes from the plan",
    ),
    (
        "a kubelet's number as text",
        {"nodes/w1/kubelet": {"maxPods": "50"}},
        "nodes.w1.kubelet.maxPods: '50' is not a whole number",
    ),
    (
        "ssh of a VM",
        {"nodes/w1/ssh": {"user": "root"}},
        "nodes.w1.ssh: is for machines.source existing; libvirt machines get their keys from the program",
    ),
    (
        "a podCIDR outside the pod network",
        {"nodes/w1/podCIDR": "10.9.0.0/24"},
        "nodes.w1.podCIDR: 10.9.0.0/24 is not a part of network.podCIDR (10.2.0.0/16); set it to one, such as a /24",
    ),
    (
        "two nodes with one podCIDR",
        {"nodes/w1/podCIDR": "10.2.11.0/25"},
        "nodes.w1.podCIDR: 10.2.11.0/25 overlaps 10.2.11.0/24 of m1: set nodes.w1.podCIDR to a part of network.podCIDR "
        "(10.2.0.0/16) that no other node has",
    ),
    (
        "a podCIDR with another network",
        {"network/cni": "none", "nodes/w1/podCIDR": "10.2.11.0/25"},
        "nodes.w1.podCIDR: is for network.cni routed",
    ),
    *(
        (
            f"address {address}",
            {"nodes/w1/address": address},
            f"nodes.w1.address: {address} is in {network}: it must be a unicast address that other machines reach",
        )
        for address, network in (
            ("127.0.0.1", "127.0.0.0/8 (loopback addresses)"),
            ("0.0.0.0", "0.0.0.0/8 (unspecified addresses)"),
            ("224.0.0.1", "224.0.0.0/4 (multicast addresses)"),
            ("169.254.0.7", "169.254.0.0/16 (link-local addresses)"),
            ("255.255.255.255", "240.0.0.0/4 (reserved addresses)"),
        )
    ),
    (
        "a number as name",
        {"nodes/10": {"role": "worker", "address": "10.77.0.22"}},
        "nodes.10: '10' is a number, which resolvers read as an address: add a letter, such as node-10",
    ),
    (
        "localhost as name",
        {"nodes/localhost": {"role": "worker", "address": "10.77.0.22"}},
        "nodes.localhost: 'localhost' is every machine's name for itself: choose another name",
    ),
    (
        "the name of another node's certificate",
        {"nodes/m1-apiserver": {"role": "worker", "address": "10.77.0.22"}},
        "nodes.m1-apiserver: 'm1-apiserver' could be a certificate or resource of node m1: give the node a name without "
        "'-apiserver'",
    ),
    (
        "the name of another node's resource",
        {"nodes/w1-kubelet": {"role": "worker", "address": "10.77.0.22"}},
        "nodes.w1-kubelet: 'w1-kubelet' could be a certificate or resource of node w1: give the node a name without "
        "'-kubelet'",
    ),
    (
        "one taint twice",
        {"nodes/w1/taints": ["dedicated=database:NoSchedule", "dedicated=web:NoSchedule"]},
        "nodes.w1.taints[1]: repeats nodes.w1.taints[0]: remove one of them",
    ),
    (
        "the control-plane taint again",
        {"nodes/m1/taints": ["node-role.kubernetes.io/control-plane:NoSchedule"]},
        "nodes.m1.taints[0]: node-role.kubernetes.io/control-plane=:NoSchedule is on every control-plane node already: "
        "remove it",
    ),
    (
        "podCIDR smaller than the pods",
        {"nodes/w1/podCIDR": "10.2.21.0/26"},
        "kubelet.maxPods: 110 is more than the 61 pod addresses of nodes.w1.podCIDR (10.2.21.0/26): lower it, or set a "
        "larger podCIDR",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
