"""The resources that the components register: parents, order, protection, secrets. tests/engine tests the engine itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cluster.config.load import load_config
from cluster.config.model import AddOn, Cluster, ExistingHosts
from cluster.node import paths
from cluster.plan import plan
from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs
from components.libvirt_machines import LibvirtMachines
from nodestate import Secret
from tests.unit.components.recorder import Recorder, is_secret, record, run_as_engine
from tests.unit.keys import ECDSA, HOST_KEY, private_key, public_key


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "id").write_bytes(private_key())
    values: dict[str, Any] = {
        "cluster": {"name": "proof", "domain": "cluster.local"},
        "nodes": {
            "m1": {"role": "control-plane", "address": "192.0.2.11"},
            "w1": {"role": "worker", "address": "192.0.2.21"},
        },
        "machines": {
            "source": "existing",
            "ssh": {
                "user": "core",
                "privateKeyFile": "id",
                "hostKey": HOST_KEY,
            },
        },
        "kubernetes": {"artifacts": {"source": "upstream"}},
    }
    return load_config(values, folder)


@pytest.fixture(scope="module", params=[True, False], ids=["preview", "update"])
def recorder(cluster: Cluster, request: pytest.FixtureRequest) -> Recorder:
    return record(lambda: KubernetesCluster("proof", KubernetesClusterArgs(cluster)).nodes, preview=request.param)


def test_node_children_have_its_name_as_prefix(recorder: Recorder) -> None:
    nodes = {one.urn: one for one in recorder.of_type(":Node")}
    children = [one for one in recorder.registrations.values() if one.parent in nodes]
    assert len(children) > 40
    for child in children:
        assert child.name.startswith(f"{nodes[child.parent].name}-"), child.name


def test_type_tokens_are_pinned(recorder: Recorder) -> None:
    """A changed token without an alias replaces every child: keys are created again and nodes are cleaned up."""
    assert {one.type for one in recorder.registrations.values() if one.type.startswith("plumbline:")} == {
        "plumbline:index:CertificateAuthority",
        "plumbline:index:Command",
        "plumbline:index:KubernetesCluster",
        "plumbline:index:Node",
        "plumbline:index:NodeRegistration",
        "plumbline:index:NodeState",
        "plumbline:index:ObjectSet",
        "plumbline:index:Preflight",
    }
    assert LibvirtMachines.token == "plumbline:index:LibvirtMachines"
    assert KubernetesCluster.formerly == ("plumbline:index:Plumbline",)


def test_node_resource_count(recorder: Recorder) -> None:
    """The local backend writes the whole state at each step: the number of resources is the cost of a first `up`."""

    def count(node: str) -> int:
        return sum(one.name == node or one.name.startswith(f"{node}-") for one in recorder.registrations.values())

    assert count("w1") == 12
    assert count("m1") == 33


def test_cluster_is_only_top_level_resource(recorder: Recorder) -> None:
    tops = [one.name for one in recorder.registrations.values() if "pulumi:pulumi:Stack::" in one.parent]
    assert tops == ["proof"]


def test_ca_keys_are_protected_and_on_no_node(recorder: Recorder) -> None:
    cas = ["proof-ca-key", "proof-etcd-ca-key", "proof-front-proxy-ca-key"]
    shared = ["proof-control-plane-encryption-key", "proof-control-plane-service-account-key"]
    protected = [one.name for one in recorder.registrations.values() if one.protect]
    assert sorted(protected) == sorted([*cas, *shared])
    states = recorder.of_type(":NodeState")
    assert len(states) == 8
    for key in cas:
        assert f"key of {key}" not in repr([state.inputs for state in states])


def test_certificate_is_replaced_for_its_leaf_or_key_only(recorder: Recorder) -> None:
    """The text of its request is no reason: a library may write it in another way, and earlier programs had another one."""
    found = recorder.named("m1-kubelet-serving-certificate")
    assert found.ignore_changes == ("certRequestPem",)
    *request, key = found.trigger
    assert request == ["CN=system:node:m1", "O=system:nodes", "m1", "192.0.2.11"]
    assert key.startswith("-----BEGIN PUBLIC KEY-----")
    assert "CERTIFICATE REQUEST" in found.inputs["certRequestPem"], "public, so no secret"


def test_etcd_has_own_ca_and_control_plane_nodes_only(recorder: Recorder) -> None:
    files = recorder.named("m1-etcd").inputs["files"]
    assert [one.name for one in recorder.of_type(":NodeState") if one.name.endswith("-etcd")] == ["m1-etcd"]
    for name, key in (("server", paths.ETCD_KEY), ("peer", paths.ETCD_PEER_KEY), ("health", paths.ETCD_CLIENT_KEY)):
        assert is_secret(files[key]["content"])
        assert f"key of m1-etcd-{name}" in files[key]["content"]["value"]
    for leaf, signer in (("m1-etcd-server", "proof-etcd-ca-key"), ("m1-kubelet-client", "proof-ca-key")):
        assert f"key of {signer}\n" in repr(recorder.named(f"{leaf}-certificate").inputs).replace("\\n", "\n")
    assert not {paths.CA_CERTIFICATE, paths.KUBELET_KEY} & files.keys()
    assert recorder.named("m1-etcd").inputs["rollout"]["group"] == "control-plane"


def test_resources_depend_on_planned_steps(recorder: Recorder, cluster: Cluster) -> None:
    for step in plan(cluster).steps:
        dependencies = recorder.named(step.name).dependencies
        for edge in step.after:
            assert recorder.named(edge.step).urn in dependencies, (step.name, edge)


def test_control_plane_keys_are_secrets(recorder: Recorder) -> None:
    files = recorder.named("m1-control-plane").inputs["files"]
    keys = [path for path in files if path.endswith((".key", "encryption.yaml"))]
    assert len(keys) == 9
    for path in keys:
        assert is_secret(files[path]["content"]), path
        assert files[path]["mode"] == "0600"
    assert not any(
        path.endswith(".key") for path in recorder.named("w1-kubelet").inputs["files"] if "apiserver" in path
    )


def test_node_has_only_its_own_keys_as_secrets(recorder: Recorder) -> None:
    for name, other in (("m1", "w1"), ("w1", "m1")):
        files = recorder.named(f"{name}-kubelet").inputs["files"]
        for path in (paths.KUBELET_CLIENT_KEY, paths.KUBELET_KEY):
            assert is_secret(files[path]["content"]), path
            assert files[path]["mode"] == "0600"
            assert f"key of {name}-" in files[path]["content"]["value"]
        assert f"key of {other}-" not in repr(files)
        assert not is_secret(files[paths.CA_CERTIFICATE]["content"])


def test_commands_contain_no_key(recorder: Recorder) -> None:
    commands = recorder.of_type(":Command")
    assert {one.name for one in commands} == {
        *("m1-first-boot", "w1-first-boot", "m1-etcd-membership"),
        *("proof-etcd-quorum", "proof-control-plane-ready"),
    }
    for command in commands:
        shown = repr({key: value for key, value in command.inputs.items() if key not in ("connection", "stdin")})
        assert "PRIVATE KEY" not in shown
        assert "client-key-data" not in shown
        assert is_secret(command.inputs.get("stdin")) == command.name.startswith("proof-control-plane-")
        connection = command.inputs["connection"]
        assert is_secret(connection["privateKey"])
        assert connection["hostKey"].startswith("ssh-ed25519 ")


def test_host_key_of_existing_host_is_no_identity(cluster: Cluster) -> None:
    """A rotated host key changes connections and nothing else: no input that replaces a resource, no trigger."""
    assert isinstance(cluster.machines, ExistingHosts)
    other = public_key(ECDSA)
    hosts = {name: replace(host, host_key=other) for name, host in cluster.machines.hosts.items()}
    rotated = replace(cluster, machines=replace(cluster.machines, hosts=hosts))
    recorder, after = (
        record(lambda of=one: KubernetesCluster("proof", KubernetesClusterArgs(of)).nodes, preview=True)
        for one in (cluster, rotated)
    )
    assert after.registrations.keys() == recorder.registrations.keys()
    differing = set()
    for urn, one in after.registrations.items():
        before = recorder.registrations[urn].inputs
        differing |= {key for key in one.inputs.keys() | before.keys() if one.inputs.get(key) != before.get(key)}
    assert differing == {"connection", "nodes", "servers"}
    for name in ("m1", "w1"):
        assert "machineId" not in recorder.named(f"{name}-kubelet").inputs
        first = recorder.named(f"{name}-first-boot")
        assert "triggers" not in first.inputs
        assert first.ignore_changes == ("triggers",)


def test_node_states_wait_for_the_preflight(recorder: Recorder) -> None:
    preflight = recorder.named("proof-preflight")
    first = {recorder.named(f"{name}-first-boot").urn for name in ("m1", "w1")}
    assert first <= {*preflight.dependencies}
    assert all(preflight.urn in state.dependencies for state in recorder.of_type(":NodeState"))
    assert all(is_secret(node["connection"]["privateKey"]) for node in preflight.inputs["nodes"].values())
    assert preflight.inputs["nodes"]["m1"]["ports"] == [10250, 6443, 2379, 2380]


def test_member_leaves_etcd_by_a_separate_step(recorder: Recorder) -> None:
    membership = recorder.named("m1-etcd-membership")
    assert membership.deleted_with == ""
    assert "delete" in membership.inputs
    assert "triggers" not in membership.inputs
    assert recorder.named("m1-etcd").urn in membership.dependencies


def test_node_state_connection_key_is_secret(recorder: Recorder) -> None:
    for state in recorder.of_type(":NodeState"):
        assert is_secret(state.inputs["connection"]["privateKey"])
        assert state.inputs["connection"]["hostKey"].startswith("ssh-ed25519 ")


def test_node_state_gets_the_declarations_of_the_others(recorder: Recorder) -> None:
    """The provider hands over what moves between them."""
    elsewhere = recorder.named("m1-kubelet").inputs["declaredElsewhere"]
    assert elsewhere.keys() == {"m1-runtime", "m1-etcd", "m1-control-plane", "m1-network"}
    assert "containerd.service" in elsewhere["m1-runtime"]["units"]


def test_objects_are_reached_through_each_control_plane_node_with_secrets(recorder: Recorder) -> None:
    behind_api = [*recorder.of_type(":ObjectSet"), *recorder.of_type(":NodeRegistration")]
    assert {one.name for one in behind_api} == {
        *("proof-add-on-rbac", "proof-add-on-dns", "m1-registration", "w1-registration")
    }
    for one in behind_api:
        assert [server["node"] for server in one.inputs["servers"]] == ["m1"]
        assert all(is_secret(server["connection"]["privateKey"]) for server in one.inputs["servers"])
        assert is_secret(one.inputs["kubeconfig"])
    assert recorder.named("w1-registration").inputs["labels"]["node-role.kubernetes.io/worker"] == ""


def test_data_of_users_secrets_are_secret_inputs(cluster: Cluster) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}
    add_on = AddOn(name="mine", objects=({**secret, "data": {"token": Secret("aHVudGVy")}},), wait=0)
    with_add_on = replace(cluster, add_ons=(add_on,))
    recorder = record(lambda: KubernetesCluster("proof", KubernetesClusterArgs(with_add_on)).nodes, preview=True)
    inputs = recorder.named("proof-add-on-mine").inputs
    [token] = inputs["objects"]["Secret default/s"]["data"].values()
    assert is_secret(token)
    assert token["value"] == "aHVudGVy"
    assert inputs["waitSeconds"] == 0


def test_commands_of_earlier_versions_are_taken_over(recorder: Recorder) -> None:
    """A command that is deleted would run its script: that of a registration drains and deletes the node."""
    for name in ("w1-registration", "proof-add-on-dns", "proof-add-on-rbac"):
        assert "command:remote:Command" in recorder.named(name).aliases


def test_resources_have_former_urns_as_aliases(recorder: Recorder) -> None:
    root = "urn:pulumi:test::plumbline::plumbline:index:Plumbline"
    for name, former in (
        (
            "m1-kubelet-client-key",
            "$plumbline:index:Certificate$tls:index/privateKey:PrivateKey::m1-kubelet-client-key",
        ),
        ("w1-registration", "$plumbline:index:AddOns$command:remote:Command::proof-add-ons-node-w1"),
        ("proof-etcd-quorum", "$plumbline:index:Etcd$command:remote:Command::proof-etcd-quorum"),
        (
            "proof-control-plane-encryption-key",
            "$plumbline:index:ControlPlane$tls:index/privateKey:PrivateKey::proof-control-plane-encryption-key",
        ),
    ):
        assert f"{root}{former}" in recorder.named(name).aliases, name


def test_commands_take_over_the_state_of_pulumi_command(recorder: Recorder) -> None:
    """Without the alias, each registration of an earlier version would be deleted, which drains its node."""
    commands = recorder.of_type(":Command")
    assert len(commands) == 5
    assert all("command:remote:Command" in command.aliases for command in commands)


def test_waiting_for_registrations_does_not_go_through_all_outputs_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's own waiting does, for each output that becomes known."""
    seen: list[int] = []
    wait = asyncio.wait

    async def counted(tasks: Any, **options: Any) -> Any:
        seen.append(len(tasks))
        return await wait(tasks, **options)

    def looked_at(program: Any) -> int:
        seen.clear()
        run_as_engine(program)
        return sum(seen)

    monkeypatch.setattr(asyncio, "wait", counted)
    without = looked_at(lambda: KubernetesCluster("proof", KubernetesClusterArgs(cluster)) and None)
    with_it = looked_at(lambda: KubernetesCluster("proof", KubernetesClusterArgs(cluster)).answered())
    assert with_it < without / 5, (with_it, without)
