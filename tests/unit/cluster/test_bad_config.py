"""Every bad input gets its own clear line: the key, what was found, what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster import config, versions
from tests.unit.cluster.conftest import SHA


def _set(values: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        values = values.setdefault(parent, {})
    if value is None:
        del values[last]
    else:
        values[last] = value


IMAGE = "machines/libvirt/image"
LIBVIRT_CASES: list[tuple[str, dict[str, Any], str]] = [
    ("no name", {"cluster/name": None}, "cluster.name: is missing: the cluster's name, a DNS label"),
    (
        "bad name",
        {"cluster/name": "Proof_1"},
        "cluster.name: 'Proof_1' is not a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "bad domain",
        {"cluster/domain": "cluster..local"},
        "cluster.domain: 'cluster..local' is not a DNS domain: labels of a-z, 0-9 and - joined by dots, 253 characters at most",
    ),
    ("name of another type", {"cluster/name": 7}, "cluster.name: is the number 7, not text"),
    (
        "endpoint with a port",
        {"kubernetes/endpoint": "10.77.0.5:6443"},
        "kubernetes.endpoint: '10.77.0.5:6443' is neither a DNS domain nor an IPv4 address",
    ),
    (
        "endpoint that is half an address",
        {"kubernetes/endpoint": "10.77.0"},
        "kubernetes.endpoint: '10.77.0' is neither a DNS domain nor an IPv4 address",
    ),
    (
        "malformed network",
        {"network/pods": "10.2.0.0/33"},
        "network.pods: '10.2.0.0/33' is not an IPv4 network in CIDR form with zero host bits, such as 10.77.0.0/24",
    ),
    (
        "host bits",
        {"network/services": "10.3.0.1/16"},
        "network.services: '10.3.0.1/16' is not an IPv4 network in CIDR form with zero host bits, such as 10.77.0.0/24",
    ),
    (
        "overlapping pods and services",
        {"network/services": "10.2.128.0/17", "network/dns": "10.2.128.10"},
        "network.services: 10.2.128.0/17 overlaps network.pods (10.2.0.0/16): each address may belong to one network only",
    ),
    (
        "overlapping machines",
        {"network/pods": "10.77.0.0/16"},
        "machines.libvirt.network: 10.77.0.0/24 overlaps network.pods (10.77.0.0/16): "
        "each address may belong to one network only",
    ),
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
        "even masters",
        {"nodes/w1/role": "master"},
        "nodes: 2 have role control-plane (m1, w1): an odd number is needed, since etcd writes by majority and "
        "2 members survive no more failures than 1",
    ),
    (
        "no masters",
        {"nodes/m1/role": "worker"},
        "nodes: none has role control-plane: one, three or five are needed",
    ),
    (
        "unknown role",
        {"nodes/w1/role": "minion"},
        "nodes.w1.role: 'minion' is not one of control-plane, master, worker",
    ),
    (
        "bad node name",
        {"nodes/W_2": {"role": "worker", "address": "10.77.0.22"}},
        "nodes.W_2: 'W_2' is not a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "unsupported version",
        {"kubernetes/version": "v1.7.5"},
        f"kubernetes.version: 'v1.7.5' is not one of {', '.join(versions.SUPPORTED)}",
    ),
    (
        "no checksum",
        {f"{IMAGE}/sha256": None},
        "machines.libvirt.image.sha256: is missing: the image's sha256, or sha256sums with a file that lists it",
    ),
    (
        "bad checksum",
        {f"{IMAGE}/sha256": "abc"},
        "machines.libvirt.image.sha256: 'abc' is not a sha256 checksum: 64 digits of 0-9 and a-f",
    ),
    (
        "checksum file without the image",
        {f"{IMAGE}/sha256": None, f"{IMAGE}/sha256sums": "sums"},
        "machines.libvirt.image.sha256sums: sums has no sha256 for base.qcow2",
    ),
    (
        "broken checksum file",
        {f"{IMAGE}/sha256": None, f"{IMAGE}/sha256sums": "broken"},
        "machines.libvirt.image.sha256sums: broken, line 1 is not '<sha256>  <name>', as sha256sum writes it",
    ),
    (
        "mirror without its checksums",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "none"}},
        "kubernetes.artifacts.sha256sums: none cannot be read; run `make up` once, or build the lab's files with `make lab`",
    ),
    (
        "artifact without checksum",
        {"kubernetes/artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "sums"}},
        f"kubernetes.artifacts.sha256sums: sums has no sha256 for runc/{versions.RUNC}/runc",
    ),
    (
        "bad URL",
        {"kubernetes/artifacts": {"source": "mirror", "url": "ftp://mirror", "sha256sums": "sums"}},
        "kubernetes.artifacts.url: 'ftp://mirror' is not a http:// or https:// URL",
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
        "nodes.w1.labels.node-role.kubernetes.io/worker: a kubelet may not give itself a role label (refused since "
        "Kubernetes 1.16): leave it out, the role label is put on through the API from the node's role",
    ),
    (
        "bad label value",
        {"nodes/w1/labels": {"pool": "a b"}},
        "nodes.w1.labels.pool: 'a b' is not a label value: up to 63 of letters, digits, '-', '_' and '.', "
        "ends alphanumeric",
    ),
    (
        "label that is no text",
        {"nodes/w1/labels": {"pool": 1}},
        "nodes.w1.labels.pool: 1 is not text: put it in quotes",
    ),
    (
        "DNS outside",
        {"network/dns": "10.4.0.10"},
        "network.dns: 10.4.0.10 is not in network.services (10.3.0.0/16)",
    ),
    (
        "leaf outlives its authority",
        {"certificates/validityHours": 87600},
        "certificates.validityHours: 87600 is not less than caValidityHours (87600): a certificate must end before "
        "the authority that signed it",
    ),
    (
        "renewal longer than validity",
        {"certificates/validityHours": 24, "certificates/earlyRenewalHours": 24},
        "certificates.earlyRenewalHours: 24 is not less than validityHours (24): every run would renew every certificate",
    ),
    (
        "unknown algorithm",
        {"certificates/algorithm": "DSA"},
        "certificates.algorithm: 'DSA' is not one of ECDSA, RSA",
    ),
    ("unknown key", {"nodes/w1/adress": "x"}, "nodes.w1.adress: is not a known key; did you mean address?"),
    ("unknown section", {"node": {}}, "node: is not a known key; did you mean nodes?"),
    ("unknown profile", {"profile": "modern"}, "profile: 'modern' is not one of standard, classic"),
    (
        "memory too small",
        {"nodes/w1/machine": {"memory": 64}},
        "nodes.w1.machine.memory: 64 is not between 1024 and 4194304",
    ),
    (
        "truth for a number",
        {"nodes/w1/machine": {"vcpus": True}},
        "nodes.w1.machine.vcpus: is true (true or false), not a whole number",
    ),
    (
        "a key of the program's own",
        {"kubelet": {"clusterDNS": ["10.3.0.11"]}},
        "kubelet.clusterDNS: is set by the program: set network.dns",
    ),
    (
        "a node's key of the program's own",
        {"nodes/w1/kubelet": {"tlsCertFile": "/x"}},
        "nodes.w1.kubelet.tlsCertFile: is set by the program: the certificate comes from the plan",
    ),
    (
        "a key that no kubelet knows",
        {"kubelet": {"maxPod": 50}},
        "kubelet.maxPod: is not a key of KubeletConfiguration v1beta1; did you mean maxPods?",
    ),
    (
        "a kubelet's number as a text",
        {"nodes/w1/kubelet": {"maxPods": "50"}},
        "nodes.w1.kubelet.maxPods: '50' is not a whole number",
    ),
    (
        "a kubelet's duration without a unit",
        {"kubelet": {"nodeStatusUpdateFrequency": 10}},
        'kubelet.nodeStatusUpdateFrequency: 10 is not a duration such as "1m30s"',
    ),
    (
        "ssh of a VM",
        {"nodes/w1/ssh": {"user": "root"}},
        "nodes.w1.ssh: is for machines.source existing; libvirt machines get their keys from the program",
    ),
    (
        "bad URI",
        {"machines/libvirt/uri": "vmware://host"},
        "machines.libvirt.uri: 'vmware://host' is not a libvirt URI, such as qemu:///system or qemu+ssh://root@host/system",
    ),
    (
        "election before heartbeats",
        {"etcd": {"heartbeatInterval": 500, "electionTimeout": 2000}},
        "etcd.electionTimeout: 2000 is less than five times heartbeatInterval (500): etcd refuses it",
    ),
    (
        "a leader that cannot renew in time",
        {"controlPlane": {"renewDeadline": 20}},
        "controlPlane.leaseDuration: 15 > renewDeadline (20) > retryPeriod (2) does not hold: a leader must be able to renew before its lease ends",
    ),
    (
        "a resolver that is no address",
        {"network/resolvers": ["dns.example"]},
        "network.resolvers[0]: 'dns.example' is not an IPv4 address, such as 10.77.0.11",
    ),
    (
        "a share outside the pod network",
        {"nodes/w1/pods": "10.9.0.0/24"},
        "nodes.w1.pods: 10.9.0.0/24 is not a part of network.pods (10.2.0.0/16); set it to one, such as a /24",
    ),
    (
        "two nodes with one share",
        {"nodes/w1/pods": "10.2.11.0/25"},
        "nodes.w1.pods: 10.2.11.0/25 overlaps 10.2.11.0/24 of m1: set nodes.w1.pods to a part of network.pods "
        "(10.2.0.0/16) that no other node has",
    ),
    (
        "a share where the network is another's",
        {"network/mode": "none", "nodes/w1/pods": "10.2.11.0/25"},
        "nodes.w1.pods: is for network.mode routed",
    ),
    (
        "unknown network mode",
        {"network/mode": "bridge"},
        "network.mode: 'bridge' is not one of routed, none",
    ),
    (
        "domain type twice",
        {"machines/libvirt/domainType": "kvm", "machines/libvirt/domainTypeFile": "sums"},
        "machines.libvirt.domainTypeFile: is set beside domainType: one of them is enough",
    ),
    (
        "no domain type in its file",
        {"machines/libvirt/domainTypeFile": "nokey"},
        "machines.libvirt.domainTypeFile: nokey holds 'hello', not one of kvm, qemu",
    ),
    (
        "no such domain type file",
        {"machines/libvirt/domainTypeFile": "nowhere"},
        "machines.libvirt.domainTypeFile: nowhere cannot be read (no such file or directory); `make up` writes it",
    ),
    (
        "kernel without initrd",
        {f"{IMAGE}/kernel": "vmlinuz"},
        "machines.libvirt.image.initrd: is missing: direct boot takes kernel and initrd",
    ),
    (
        "bridge too long",
        {"machines/libvirt/bridge": "a-bridge-with-a-long-name"},
        "machines.libvirt.bridge: 'a-bridge-with-a-long-name' is not an interface name: at most 15 of a-z, 0-9 and -",
    ),
]
EXISTING_CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "unreadable key",
        {"machines/ssh/privateKeyFile": "absent"},
        "nodes.m1.ssh.privateKeyFile: absent cannot be read (no such file or directory): "
        "an unencrypted OpenSSH or PEM private key is needed",
    ),
    (
        "no key in the file",
        {"machines/ssh/privateKeyFile": "nokey"},
        "nodes.m1.ssh.privateKeyFile: nokey holds no private key: an unencrypted OpenSSH or PEM private key is needed",
    ),
    (
        "no key file",
        {"machines/ssh/privateKeyFile": None},
        "nodes.m1.ssh.privateKeyFile: is missing: the file of the private key to log in with (or machines.ssh.privateKeyFile)",
    ),
    (
        "no host key",
        {"machines/ssh/hostKey": None},
        "nodes.m1.ssh.hostKey: is missing: the host's public key, as in /etc/ssh/ssh_host_ed25519_key.pub there",
    ),
    (
        "malformed host key",
        {"nodes/w1/ssh": {"hostKey": "ssh-ed25519 AAAA"}},
        "nodes.w1.ssh.hostKey: is not an SSH public key: one of ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, "
        "ecdsa-sha2-nistp521, ssh-rsa and its base64 text, as in /etc/ssh/ssh_host_ed25519_key.pub there",
    ),
    (
        "port out of range",
        {"nodes/w1/ssh": {"port": 70000}},
        "nodes.w1.ssh.port: 70000 is not between 1 and 65535",
    ),
    (
        "size of an existing host",
        {"nodes/w1/machine": {"vcpus": 2}},
        "nodes.w1.machine: is for machines.source libvirt; an existing host has the size it has",
    ),
    (
        "libvirt settings",
        {"machines/libvirt": {"uri": "qemu:///system"}},
        "machines.libvirt: is for machines.source libvirt; existing hosts are set by machines.ssh",
    ),
    (
        "node among the pods",
        {"nodes/w1/address": "10.2.0.9"},
        "nodes.w1.address: 10.2.0.9 is in network.pods (10.2.0.0/16): a node's address must lie outside it",
    ),
]


def _errors(values: dict[str, Any], root: Path) -> tuple[str, ...]:
    with pytest.raises(config.ConfigError) as raised:
        config.load(values, root)
    return raised.value.errors


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in LIBVIRT_CASES], ids=[c[0] for c in LIBVIRT_CASES])
def test_libvirt(libvirt: dict[str, Any], root: Path, change: dict[str, Any], message: str) -> None:
    for path, value in change.items():
        _set(libvirt, path, value)
    assert message in _errors(libvirt, root)


@pytest.mark.parametrize(
    ("change", "message"), [case[1:] for case in EXISTING_CASES], ids=[c[0] for c in EXISTING_CASES]
)
def test_existing(existing: dict[str, Any], root: Path, change: dict[str, Any], message: str) -> None:
    for path, value in change.items():
        _set(existing, path, value)
    assert message in _errors(existing, root)


def test_all_errors_come_at_once(libvirt: dict[str, Any], root: Path) -> None:
    _set(libvirt, "cluster/name", "No")
    _set(libvirt, "nodes/w1/role", "minion")
    _set(libvirt, "network/dns", "10.4.0.10")
    assert [error.split(":")[0] for error in _errors(libvirt, root)] == ["cluster.name", "nodes.w1.role", "network.dns"]


def test_nothing_at_all(root: Path) -> None:
    assert len(_errors({}, root)) >= 4


def test_the_good_ones_are_good(libvirt: dict[str, Any], existing: dict[str, Any], root: Path) -> None:
    assert config.load(libvirt, root).libvirt is not None
    found = config.load(existing, root)
    assert [node.role for node in found.nodes] == ["control-plane", "worker"]
    assert found.nodes[0].ssh is not None
    assert found.nodes[0].ssh.user == "core"


def test_checksums_are_of_the_right_form(libvirt: dict[str, Any], root: Path) -> None:
    image = config.load(libvirt, root).libvirt
    assert image is not None
    assert image.image.sha256 == SHA
