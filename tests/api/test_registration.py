"""Nodes in the API: labels and taints, waiting for a registration, and the drain of one that leaves; on a real API server."""

from __future__ import annotations

import json
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cluster import versions
from tests.api import server
from tests.api.conftest import Sets
from tests.provider import sshd

NODE = "/api/v1/nodes/w1"
VERSION = versions.DEFAULT


class Registered(Sets):
    """A stack of one registration."""

    def __init__(self, folder: Path, api: server.ApiServer, nodes: dict[str, sshd.Sshd]) -> None:
        super().__init__(folder, api, nodes)
        self.wanted: dict[str, Any] | None = {"version": VERSION, "labels": {"pool": "a"}, "taints": {}}

    def _program(self) -> None:
        if self.wanted is not None:
            way = {"servers": self.servers(), "kubeconfig": pulumi.Output.secret(self.kubeconfig)}
            inputs = {"node": "w1", **self.wanted, **way, "kubelet": None}
            pulumi.CustomResource("plumbline:index:NodeRegistration", "w1-registration", inputs)

    def register(self, version: str = VERSION) -> None:
        """Registers the node as a kubelet does: with a label and a taint that are not ours."""
        labels = {"kubernetes.io/hostname": "w1", "pool": "a"}
        spec = {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1", "labels": labels}, "spec": spec}
        self.api.request("POST", "/api/v1/nodes?fieldManager=kubelet", node)
        status = {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": version}}
        self.api.request("PATCH", f"{NODE}/status", {"status": status}, "application/merge-patch+json")

    def taints(self) -> dict[str, str]:
        """Value by key and effect."""
        found = self.api.get(NODE)["spec"].get("taints") or []
        return {f"{one['key']}:{one['effect']}": one.get("value", "") for one in found}


@pytest.fixture
def registered(tmp_path: Path, api: server.ApiServer) -> Iterator[Registered]:
    login = sshd.start(tmp_path / "sshd")
    made = Registered(tmp_path / "bench", api, {"m1": login})
    yield made
    made.wanted = None
    made.up()
    made.destroy()
    login.stop()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        api.get(NODE)


def test_labels_and_taints_follow_and_are_repaired(registered: Registered) -> None:
    late = threading.Timer(3, registered.register)
    late.start()
    registered.wanted = {"version": VERSION, "labels": {"pool": "a", "role": ""}, "taints": {"own:NoSchedule": "yes"}}
    assert registered.up() == {"create": 2}
    late.join()
    assert registered.taints() == {"own:NoSchedule": "yes", "node.kubernetes.io/not-ready:NoSchedule": ""}
    assert registered.rows() == {}
    registered.api.patch(
        NODE, {"metadata": {"labels": {"pool": "b", "role": None, "theirs": "1"}}, "spec": {"taints": []}}
    )
    fields = "metadata.labels.pool: b -> a\nmetadata.labels.role: (nothing) -> \nspec.taints.own:NoSchedule: (nothing) -> yes"
    change = "metadata.labels.pool, metadata.labels.role, spec.taints.own:NoSchedule"
    row = {"op": "update", "change": change, "because": "drift", "fields": fields}
    assert registered.rows(refresh=True) == {"nodes:Node w1": row}
    registered.up()
    labels = registered.api.get(NODE)["metadata"]["labels"]
    assert (labels["pool"], labels["role"], labels["theirs"]) == ("a", "", "1")
    assert registered.taints() == {"own:NoSchedule": "yes"}
    # A label that the program has no more is removed, although the kubelet is a manager of it, too.
    registered.wanted = {"version": VERSION, "labels": {"role": ""}, "taints": {}}
    registered.up()
    labels = registered.api.get(NODE)["metadata"]["labels"]
    assert "pool" not in labels and labels["theirs"] == "1"
    assert registered.taints() == {}


def test_credentials_are_in_the_state_once(registered: Registered) -> None:
    """Two hundred nodes had four hundred copies of the way to the API."""
    registered.register()
    registered.up()
    resources = json.loads(registered.state())["checkpoint"]["latest"]["resources"]
    [one] = [one for one in resources if one["type"] == "plumbline:index:NodeRegistration"]
    assert {"servers", "kubeconfig"} <= one["inputs"].keys()
    assert one["outputs"].keys() == {"node", "version", "labels", "taints", "kubelet"}


def test_a_node_that_leaves_is_drained(registered: Registered) -> None:
    registered.register()
    registered.up()
    other = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w2"}}
    registered.api.request("POST", "/api/v1/nodes", other)
    pods = "/api/v1/namespaces/default/pods"
    spec = {"nodeName": "w1", "containers": [{"name": "a", "image": "a"}], "terminationGracePeriodSeconds": 0}
    for name in ("plain", "mirror"):
        annotations = {"kubernetes.io/config.mirror": "x"} if name == "mirror" else {}
        metadata = {"name": name, "annotations": annotations}
        registered.api.request("POST", pods, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    registered.wanted = None
    assert registered.up() == {"same": 1, "delete": 1}
    assert [one["metadata"]["name"] for one in registered.api.get(pods)["items"]] == ["mirror"]
    registered.api.request("DELETE", f"{pods}/mirror?gracePeriodSeconds=0")
    registered.api.request("DELETE", "/api/v1/nodes/w2")
