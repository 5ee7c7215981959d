"""Fields of other managers, secrets, and a control-plane node that does not answer; on a real API server."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest

from tests.api.conftest import Manifest, Sets
from tests.api.test_objects import PATH, config_map
from tests.provider.conftest import Secret

HIDDEN = "s3cret-Marker-0123456789"


def deployment(replicas: int | None = 2) -> Manifest:
    container = {
        "name": "main",
        "image": "a:1",
        "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "0.1"}},
    }
    spec: Manifest = {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": spec,
    }


def test_a_field_of_another_manager_is_left_until_it_is_named(sets: Sets) -> None:
    sets.manifests = [deployment()]
    sets.up()
    assert sets.rows() == {}, "a quantity that the API writes in another way is no change"
    path = "/apis/apps/v1/namespaces/default/deployments/a"
    taken = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 7}}
    sets.api.apply(path, taken, "autoscaler")
    told = "Deployment default/a: spec.replicas was taken by autoscaler, and is left to it: take it with `policy.takeFieldsFrom"
    assert sets.rows() == {}
    assert told in "\n".join(sets.printed)
    # Another change of the object leaves it alone, too.
    changed = deployment()
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "a:2"
    sets.manifests = [changed]
    assert sets.rows()["Deployment default/a"]["change"] == "spec.template.spec.containers[name=main].image"
    sets.up()
    spec = sets.api.get(path)["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]) == (7, "a:2")
    sets.inputs["takeFrom"] = ["autoscaler"]
    fields = "spec.replicas: 7 -> 2\nspec.replicas was taken by autoscaler: it is taken back"
    assert sets.rows()["Deployment default/a"]["fields"] == fields
    sets.up()
    assert sets.api.get(path)["spec"]["replicas"] == 2
    assert sets.rows() == {}


@pytest.mark.parametrize("edited", ["scale", "image", "label"])
def test_drift_of_a_deployment_is_named_to_the_field(sets: Sets, edited: str) -> None:
    sets.manifests = [deployment()]
    sets.manifests[0]["metadata"]["labels"] = {"tier": "proof"}
    sets.up()
    path = "/apis/apps/v1/namespaces/default/deployments/a"
    body, change = {
        "scale": ({"spec": {"replicas": 0}}, "spec.replicas: 0 -> 2"),
        "image": (
            {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "evil:1"}]}}}},
            "spec.template.spec.containers[name=main].image: evil:1 -> a:1",
        ),
        "label": ({"metadata": {"labels": {"tier": None}}}, "metadata.labels.tier: (nothing) -> proof"),
    }[edited]
    kind = "application/strategic-merge-patch+json"
    sets.api.request("PATCH", f"{path}?fieldManager=kubectl-edit", body, kind)
    assert sets.rows(refresh=True)["Deployment default/a"]["fields"].splitlines()[0] == change
    sets.up()
    live = sets.api.get(path)
    assert live["spec"]["replicas"] == 2 and live["metadata"]["labels"] == {"tier": "proof"}
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "a:1"
    assert sets.rows() == {}


def test_a_rule_that_was_removed_comes_back(sets: Sets) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
    ]
    role: Manifest = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "proof"},
        "rules": rules,
    }
    sets.manifests = [role]
    sets.up()
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/proof"
    sets.api.patch(path, {"rules": rules[:1]})
    assert sets.rows()["ClusterRole proof"]["change"] == "rules"
    sets.up()
    assert sets.api.get(path)["rules"] == rules


def test_secrets_are_nowhere_in_clear(sets: Sets) -> None:
    encoded = base64.b64encode(HIDDEN.encode()).decode()
    secret: Manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a", "namespace": "default"},
        "data": {"password": Secret(encoded)},
    }
    sets.manifests = [secret, {**config_map(word="one"), "data": {"token": Secret(HIDDEN)}}]
    sets.up(refresh=True)
    path = "/api/v1/namespaces/default/secrets/a"
    assert sets.api.get(path)["data"] == {"password": encoded}
    other = base64.b64encode(b"0ther-Marker-9876543210").decode()
    sets.api.patch(path, {"data": {"password": other}})
    assert sets.rows(refresh=True)["Secret default/a"]["fields"].startswith("data.password: [secret]\n")
    sets.up(refresh=True)
    broken: Manifest = {**config_map(word="one"), "data": {"token": {"a": Secret(HIDDEN)}}}
    sets.manifests = [secret, broken]
    sets.fails()
    everything = "\n".join([*sets.printed, sets.state(), *_traces(sets.folder)])
    for text in (HIDDEN, encoded, other, "0ther-Marker-9876543210"):
        assert text not in everything
    assert json.loads(sets.state())


def _traces(folder: Path) -> list[str]:
    return [file.read_text() for file in folder.glob("*.jsonl")]


def test_a_node_that_does_not_answer_is_passed_over_by_name(sets: Sets) -> None:
    """The first control-plane node accepts no connection, or accepts it and is silent."""
    sets.manifests = [config_map(word="one")]
    sets.up()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        there = {"m0": {**sets.connection, "port": silent.getsockname()[1]}, **sets.connections}
        silent.close()
        sets.connections = there
        sets.api.patch(PATH, {"data": {"word": "two"}})
        assert sets.rows()["ConfigMap default/a"]["change"] == "data.word"
        assert "m0: passed over, the API is asked through m1: " in "\n".join(sets.printed)
        sets.up()
        assert sets.api.get(PATH)["data"] == {"word": "one"}


def test_without_an_api_the_plan_follows_the_state(sets: Sets) -> None:
    sets.manifests = [config_map(word="one")]
    sets.up()
    [(name, connection)] = sets.connections.items()
    sets.connections = {name: {**connection, "port": 1}}
    sets.manifests = [config_map(word="two"), config_map("b", word="one")]
    assert sets.rows() == {
        "ConfigMap default/a": {"op": "update", "change": "data.word", "fields": "data.word: one -> two"},
        "ConfigMap default/b": {"op": "create"},
    }
    assert "the plan follows its last known state, drift is not seen" in "\n".join(sets.printed)
    sets.connections = {name: connection}
