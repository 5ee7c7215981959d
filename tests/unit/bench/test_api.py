"""The stand-in of the API behind simulated hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from bench.hosts.api import Api, Object
from bench.hosts.host import Host, Hosts

MANIFEST: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "namespace": "b"},
    "spec": {"replicas": 2},
}
PLACE = "/apis/apps/v1/namespaces/b/deployments/a"


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    key = asyncssh.generate_private_key("ssh-ed25519")
    host = Host("w001", "10.90.0.1", tmp_path / "hosts/w001", key)
    host.prepare("ssh-ed25519 AAAA", 1)
    return Hosts(tmp_path, {"w001": host}, key)


def kubelet(hosts: Hosts) -> None:
    (hosts.folder / "states/10.90.0.1/units/kubelet.service").write_text("active running a 1 0 0\n")


def sent(api: Api, method: str, target: str, body: Any = None) -> tuple[int, Object]:
    return api.answer(method, target, b"" if body is None else json.dumps(body).encode())


def test_api_lists_the_kinds_of_a_group(hosts: Hosts) -> None:
    _, core = sent(Api(hosts), "GET", "/api/v1")
    assert {"name": "configmaps", "kind": "ConfigMap", "namespaced": True} in core["resources"]
    _, apps = sent(Api(hosts), "GET", "/apis/apps/v1")
    assert {"name": "deployments", "kind": "Deployment", "namespaced": True} in apps["resources"]


def test_api_keeps_what_was_applied_and_nothing_of_a_dry_run(hosts: Hosts) -> None:
    api = Api(hosts)
    status, tried = sent(api, "PATCH", f"{PLACE}?dryRun=All", MANIFEST)
    assert status == 200 and tried["spec"] == {"replicas": 2}
    assert sent(api, "GET", PLACE)[0] == 404
    sent(api, "PATCH", f"{PLACE}?force=true", MANIFEST)
    status, live = sent(api, "GET", PLACE)
    assert status == 200 and live["status"]["availableReplicas"] == 2


def test_api_has_a_node_once_its_kubelet_runs(hosts: Hosts) -> None:
    api = Api(hosts)
    assert sent(api, "GET", "/api/v1/nodes/w001")[0] == 404
    kubelet(hosts)
    status, node = sent(api, "GET", "/api/v1/nodes/w001")
    assert status == 200 and node["status"]["conditions"][0]["status"] == "True"
    assert sent(api, "GET", "/api/v1/nodes/other")[0] == 404


def test_api_merges_labels_and_taints_of_a_node(hosts: Hosts) -> None:
    api = Api(hosts)
    kubelet(hosts)
    sent(api, "PATCH", "/api/v1/nodes/w001", {"metadata": {"labels": {"a": "1", "b": "2"}}})
    taint = {"key": "k", "effect": "NoSchedule"}
    sent(api, "PATCH", "/api/v1/nodes/w001", {"metadata": {"labels": {"a": None}}, "spec": {"taints": [taint]}})
    _, node = sent(api, "GET", "/api/v1/nodes/w001")
    assert node["metadata"]["labels"] == {"b": "2"}
    assert node["spec"] == {"taints": [taint]}
