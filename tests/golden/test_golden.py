"""The rendered text of each role, system and profile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import (
    addons,
    certificates,
    classic,
    config,
    control_plane,
    etcd,
    ignition,
    kubeconfig,
    kubelet,
    network,
    paths,
    runtime,
    static_pods,
    versions,
)
from cluster.model import Cluster, OperatingSystem, PodNetwork, Role

Golden = Callable[[str, str], None]
SHA = "ab" * 32
VALUES: dict[str, Any] = {
    "cluster": {"name": "golden", "domain": "cluster.local"},
    "machines": {"source": "libvirt", "os": "debian", "libvirt": {"image": {"path": "base.qcow2", "sha256": SHA}}},
    "nodes": {
        "m1": {"role": "control-plane", "address": "10.77.0.11"},
        "m2": {"role": "control-plane", "address": "10.77.0.12"},
        "m3": {"role": "control-plane", "address": "10.77.0.13"},
        "w1": {
            "role": "worker",
            "address": "10.77.0.21",
            "labels": {"node.kubernetes.io/pool": "general", "disk": "ssd"},
            "taints": ["dedicated=database:NoSchedule"],
            "kubelet": {"maxPods": 60, "authentication": {"webhook": {"cacheTTL": "1m"}}},
        },
    },
    "kubelet": {"systemReserved": {"cpu": "200m"}},
    "kubernetes": {"artifacts": {"source": "mirror", "url": "http://mirror:8080", "sha256sums": "SHA256SUMS"}},
}
KUBERNETES = versions.DEFAULT
ARTIFACTS = (
    *(f"kubernetes/{KUBERNETES}/{name}" for name in ("kubelet", "kubectl")),
    *(f"containerd/{versions.CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    f"runc/{versions.RUNC}/runc",
    *(f"etcd/{versions.ETCD}/{name}" for name in ("etcd", "etcdctl", "etcdutl")),
    *(f"cni/{versions.CNI}/{name}" for name in versions.CNI_PLUGINS),
    *(f"images/{name}-{KUBERNETES}.tar" for name in (*versions.CONTROL_PLANE, versions.KUBE_PROXY)),
    f"images/coredns-{versions.COREDNS}.tar",
    f"images/pause-{versions.PAUSE}.tar",
)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "SHA256SUMS").write_text("".join(f"{SHA}  {name}\n" for name in ARTIFACTS))
    found = config.load(VALUES, tmp_path)
    assert found.libvirt is not None
    return found


@pytest.mark.parametrize("index", [0, 3], ids=["control-plane", "worker"])
def test_standard(cluster: Cluster, golden: Golden, index: int) -> None:
    node = cluster.nodes[index]
    files = {**runtime.state(cluster, node).files, **kubelet.state(cluster, node).files}
    if node.role is Role.CONTROL_PLANE:
        files |= etcd.state(cluster, node).files
    for path, file in files.items():
        if file.content is not None:
            golden(f"standard/{node.role}{path.replace('/', '_')}", file.content)
        else:
            assert file.source is not None, path


@pytest.mark.parametrize("index", [0, 3], ids=["master", "worker"])
def test_classic(cluster: Cluster, golden: Golden, index: int) -> None:
    node = cluster.nodes[index]
    for path, text in classic.render(cluster, node).items():
        golden(f"classic/{node.role}{path.replace('/', '_')}", text)


@pytest.mark.parametrize("system", list(OperatingSystem))
def test_ignition(cluster: Cluster, golden: Golden, system: OperatingSystem) -> None:
    text = ignition.render(
        replace(cluster, operating_system=system),
        cluster.nodes[0],
        ["ssh-ed25519 AAAAlogin\n"],
        "the host key\n",
        "ssh-ed25519 AAAAhost\n",
    )
    golden(f"ignition/{system}.json", text + "\n")
    written = json.loads(text)
    assert written["ignition"]["version"] == "3.3.0"
    assert "kubernetes" not in text


def test_etcd_settings_name_the_member_alone(cluster: Cluster) -> None:
    """So that a member more or less restarts no other: who the first members were stands in a file of its own."""
    texts = [etcd.state(cluster, node).files[paths.ETCD_SETTINGS].content or "" for node in cluster.control_plane()]
    assert len(texts) == 3
    for node, text in zip(cluster.control_plane(), texts, strict=True):
        for other in cluster.control_plane():
            assert (other.address in text) == (other.name == node.name)


def test_a_guard_asks_the_others_for_a_quorum(cluster: Cluster) -> None:
    guard = etcd.guard(cluster, cluster.nodes[0]) or ""
    assert "m2=https://10.77.0.12:2379" in guard
    assert "m3=https://10.77.0.13:2379" in guard
    assert "10.77.0.11" not in guard
    assert "-ge 2 ]" in guard
    alone = replace(cluster, nodes=(cluster.nodes[0], cluster.nodes[3]))
    assert etcd.guard(alone, alone.nodes[0]) is None, "a single member has nobody to ask"


def test_kubeconfigs_name_no_single_master(cluster: Cluster) -> None:
    text = kubeconfig.node(cluster)
    assert "https://api.golden.cluster.local:6443" in text
    assert "10.77.0." not in text
    assert paths.KUBELET_CLIENT_KEY in text


@pytest.mark.parametrize(("endpoint", "kind"), [("10.77.0.5", "ip_addresses"), ("api.example.org", "dns_names")])
def test_an_endpoint_is_for_those_outside(cluster: Cluster, endpoint: str, kind: str) -> None:
    cluster = replace(cluster, endpoint=endpoint)
    assert endpoint not in kubeconfig.node(cluster)
    carried = yaml.safe_load(kubeconfig.embedded(cluster, cluster.endpoint, "admin", "", "", ""))
    assert carried["clusters"][0]["cluster"]["server"] == f"https://{endpoint}:6443"
    serving = [leaf for leaf in certificates.plan(cluster).leaves if leaf.name.endswith("-apiserver")]
    assert len(serving) == 3
    assert all(endpoint in getattr(leaf, kind) for leaf in serving)


def test_removing_a_node_touches_no_other(cluster: Cluster, tmp_path: Path) -> None:
    fewer = config.load({**VALUES, "nodes": {k: v for k, v in VALUES["nodes"].items() if k != "w1"}}, tmp_path)
    for node in fewer.nodes:
        assert kubelet.state(fewer, node) == kubelet.state(cluster, node)
        assert runtime.state(fewer, node) == runtime.state(cluster, node)


def test_static_pods(cluster: Cluster, golden: Golden) -> None:
    files = control_plane.state(cluster, cluster.nodes[1]).files
    leaves = [leaf for leaf in certificates.plan(cluster).leaves if leaf.node == "m2"]
    issued = {path for leaf in leaves for path in (leaf.certificate_path, leaf.key_path)}
    issued |= {static_pods.file(name, text) for name, text in ISSUED}
    for path, file in files.items():
        if file.content is not None:
            golden(f"control-plane{path.replace('/', '_')}", file.content)
    for component in control_plane.PROBES:
        pod = yaml.safe_load(files[f"{paths.MANIFESTS}/{component}.yaml"].content or "")
        [container] = pod["spec"]["containers"]
        values = [argument.partition("=")[2] for argument in container["command"][1:]]
        named = [word for value in values for word in value.split(",") if word.startswith("/")]
        # Each sees its own folder alone, no file of another and no key of the kubelet's; and all it names is there.
        mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert [path for path in named if not any(path.startswith(f"{folder}/") for folder in mounted)] == []
        assert {path for path in named if "/var/log/" not in path} <= {*files, *issued}


ISSUED = [
    *((control_plane.API_SERVER, name) for name in ("ca.crt", "etcd-ca.crt", "front-proxy-ca.crt", "encryption.yaml")),
    *((control_plane.API_SERVER, f"service-account.{end}") for end in ("key", "pub")),
    *((control_plane.CONTROLLER_MANAGER, name) for name in ("ca.crt", "front-proxy-ca.crt", "service-account.key")),
    (control_plane.SCHEDULER, "ca.crt"),
]
"""What the plan issues besides leaf certificates."""


@pytest.mark.parametrize("index", [1, 3], ids=["control-plane", "worker"])
def test_network(cluster: Cluster, golden: Golden, index: int) -> None:
    node = cluster.nodes[index]
    for path, file in network.state(cluster, node).files.items():
        if file.content is not None:
            golden(f"network/{node.role}{path.replace('/', '_')}", file.content)


def test_another_node_changes_a_line_of_routes_alone(cluster: Cluster) -> None:
    fewer = replace(cluster, nodes=cluster.nodes[:3])
    for node in fewer.nodes:
        before, after = network.state(fewer, node).files, network.state(cluster, node).files
        assert {path for path in after if before[path] != after[path]} == {paths.ROUTES}
        assert (after[paths.ROUTES].content or "").startswith(before[paths.ROUTES].content or "")


def test_a_network_of_ones_own_has_no_routes_of_ours(cluster: Cluster) -> None:
    own = replace(cluster, pods=PodNetwork.NONE)
    assert not {paths.ROUTES, paths.CNI_CONFLIST} & network.state(own, own.nodes[0]).files.keys()
    assert control_plane.controller_manager_flags(own)["allocate-node-cidrs"] == "true"


def test_add_ons(cluster: Cluster, golden: Golden) -> None:
    for name, manifests in (("rbac", addons.rbac()), ("dns", addons.dns(cluster))):
        golden(f"add-ons/{name}.yaml", addons.add_on(name, manifests).text)
    assert "forward" not in addons.add_on("dns", addons.dns(replace(cluster, resolvers=()))).text
    asked = addons.add_on("dns", addons.dns(replace(cluster, resolvers=("192.0.2.53",)))).text
    assert "forward . 192.0.2.53 {" in asked


def test_a_node_finds_its_own_api_server_first(cluster: Cluster) -> None:
    assert kubeconfig.hosts(cluster, cluster.nodes[1]).splitlines() == [
        "10.77.0.12 api.golden.cluster.local",
        "10.77.0.11 api.golden.cluster.local",
        "10.77.0.13 api.golden.cluster.local",
    ]
    assert kubeconfig.hosts(cluster, cluster.nodes[3]).split()[0] == "10.77.0.11"
