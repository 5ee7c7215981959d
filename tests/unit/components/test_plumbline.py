"""What the components ask of the engine: parents, order, protection and secrets. The engine itself is tested elsewhere."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cluster import config, paths, versions
from cluster.model import Cluster
from components.plumbline import Plumbline, PlumblineArgs
from tests.unit.components.recorder import Recorder, is_secret, record

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nthe operator's\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "id").write_text(KEY)
    values: dict[str, Any] = {
        "cluster": {"name": "proof", "domain": "cluster.local"},
        "nodes": {
            "m1": {"role": "control-plane", "address": "192.0.2.11"},
            "w1": {"role": "worker", "address": "192.0.2.21"},
        },
        "machines": {
            "source": "existing",
            "os": "debian",
            "ssh": {
                "user": "core",
                "privateKeyFile": "id",
                "hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1oaJ0PL1n7Eh4pqd1fwqTmSvPZF0wH2qNu0i2k7q5m",
            },
        },
        "kubernetes": {"version": versions.DEFAULT, "artifacts": {"source": "upstream"}},
    }
    return config.load(values, folder)


@pytest.fixture(scope="module", params=[True, False], ids=["preview", "update"])
def recorder(cluster: Cluster, request: pytest.FixtureRequest) -> Recorder:
    return record(lambda: Plumbline("proof", PlumblineArgs(cluster)).nodes, preview=request.param)


def test_every_child_is_named_for_its_component(recorder: Recorder) -> None:
    components = {one.urn: one for one in recorder.registrations.values() if ":index:" in one.type}
    for one in recorder.registrations.values():
        parent = components.get(one.parent)
        if parent is None or parent.type == "plumbline:index:Plumbline":
            continue
        assert one.name.startswith(f"{parent.name}-"), (one.name, parent.name)


def test_only_the_component_stands_at_the_top(recorder: Recorder) -> None:
    tops = [one.name for one in recorder.registrations.values() if "pulumi:pulumi:Stack::" in one.parent]
    assert tops == ["proof"]


def test_the_authorities_keys_are_protected_and_go_to_no_node(recorder: Recorder) -> None:
    authorities = ["proof-ca-key", "proof-etcd-ca-key", "proof-front-proxy-ca-key"]
    shared = ["proof-control-plane-encryption-key", "proof-control-plane-service-account-key"]
    protected = [one.name for one in recorder.registrations.values() if one.protect]
    assert sorted(protected) == sorted([*authorities, *shared])
    states = recorder.of_type(":NodeState")
    assert len(states) == 8
    for key in authorities:
        assert f"key of {key}" not in repr([state.inputs for state in states])


def test_etcd_stands_on_control_plane_nodes_with_an_authority_of_its_own(recorder: Recorder) -> None:
    files = recorder.named("m1-etcd").inputs["files"]
    assert [one.name for one in recorder.of_type(":NodeState") if one.name.endswith("-etcd")] == ["m1-etcd"]
    for name, key in (("server", paths.ETCD_KEY), ("peer", paths.ETCD_PEER_KEY), ("health", paths.ETCD_CLIENT_KEY)):
        assert is_secret(files[key]["content"])
        assert f"key of m1-etcd-{name}" in files[key]["content"]["value"]
    for leaf, signer in (("m1-etcd-server", "proof-etcd-ca-key"), ("m1-kubelet-client", "proof-ca-key")):
        assert f"key of {signer}\n" in repr(recorder.named(f"{leaf}-certificate").inputs).replace("\\n", "\n")
    assert not {paths.CA_CERTIFICATE, paths.KUBELET_KEY} & files.keys()
    assert recorder.named("m1-etcd").inputs["rollout"]["group"] == "etcd"


def test_the_control_plane_waits_for_kubelet_and_store_and_the_network_for_it(recorder: Recorder) -> None:
    control = recorder.named("m1-control-plane")
    for before in ("m1-kubelet", "proof-etcd-quorum"):
        assert recorder.named(before).urn in control.dependencies, before
    for network in (recorder.named("m1-network"), recorder.named("w1-network")):
        assert control.urn in network.dependencies
        registration = recorder.named(f"proof-add-ons-node-{network.name.partition('-')[0]}")
        assert network.urn in registration.dependencies
        assert recorder.named("proof-add-ons-rbac").urn in registration.dependencies
        assert registration.urn in recorder.named("proof-add-ons-dns").dependencies


def test_the_control_planes_keys_are_secrets_of_its_nodes(recorder: Recorder) -> None:
    files = recorder.named("m1-control-plane").inputs["files"]
    keys = [path for path in files if path.endswith((".key", "encryption.yaml"))]
    assert len(keys) == 9
    for path in keys:
        assert is_secret(files[path]["content"]), path
        assert files[path]["mode"] == "0600"
    assert not any(
        path.endswith(".key") for path in recorder.named("w1-kubelet").inputs["files"] if "apiserver" in path
    )


def test_a_node_holds_its_own_keys_only_and_as_secrets(recorder: Recorder) -> None:
    for name, other in (("m1", "w1"), ("w1", "m1")):
        files = recorder.named(f"{name}-kubelet").inputs["files"]
        for path in (paths.KUBELET_CLIENT_KEY, paths.KUBELET_KEY):
            assert is_secret(files[path]["content"]), path
            assert files[path]["mode"] == "0600"
            assert f"key of {name}-" in files[path]["content"]["value"]
        assert f"key of {other}-" not in repr(files)
        assert not is_secret(files[paths.CA_CERTIFICATE]["content"])


def test_a_key_stands_in_no_command(recorder: Recorder) -> None:
    commands = recorder.of_type("remote:Command")
    assert {one.name for one in commands} == {
        *("m1-first-boot", "m1-verify", "w1-first-boot", "w1-verify"),
        "proof-etcd-quorum",
        *("proof-add-ons-rbac", "proof-add-ons-node-m1", "proof-add-ons-node-w1", "proof-add-ons-dns"),
        "proof-add-ons-control-plane",
    }
    for one in commands:
        shown = repr({key: value for key, value in one.inputs.items() if key not in ("connection", "stdin")})
        assert "PRIVATE KEY" not in shown
        assert "client-key-data" not in shown
        assert is_secret(one.inputs.get("stdin")) == one.name.startswith("proof-add-ons-")
        connection = one.inputs["connection"]
        assert is_secret(connection)
        assert connection["value"]["hostKey"].startswith("ssh-ed25519 ")


def test_a_connection_key_is_secret_in_node_state(recorder: Recorder) -> None:
    for state in recorder.of_type(":NodeState"):
        assert is_secret(state.inputs["connection"]["privateKey"])
        assert state.inputs["connection"]["hostKey"].startswith("ssh-ed25519 ")


def test_order_within_a_node(recorder: Recorder) -> None:
    """First boot, then the runtime, then the kubelet, then its verification; nodes do not wait for each other."""
    for name, other in (("m1", "w1"), ("w1", "m1")):
        chain = [f"{name}-first-boot", f"{name}-runtime", f"{name}-kubelet", f"{name}-verify"]
        for before, after in itertools.pairwise(chain):
            assert recorder.named(before).urn in recorder.named(after).dependencies, (before, after)
        for one in chain:
            assert not any(urn.rpartition("::")[2].startswith(f"{other}-") for urn in recorder.named(one).dependencies)
