"""The pure parts of the bring-up benchmark: the API's times, kubeadm's commands, the files of a host, and the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.up import files, rival
from bench.up.hosts import Failed, bounded
from bench.up.readiness import document, readiness
from bench.up.results import Results, Run, table
from lab import parts

OPERATIONS = [{"at": at, "node": "m1", "op": op} for at, op in ((11.0, "commit"), (12.2, "finish"), (20.0, "finish"))]
RUN = Run("Plumbline", 30.0, 40.0, 50.0, 60.0, 5.0, {"pulumi up": 50.0}, {"m1": 10.0}, {"m1": 30.0}, OPERATIONS)


def item(kind: str, name: str, status: str, at: int, namespace: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "lastTransitionTime": f"1970-01-01T00:00:{at:02}Z"}
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": "1970-01-01T00:00:01Z"}
    return {"kind": kind, "metadata": metadata, "status": {"conditions": [condition]}}


def test_readiness_is_the_time_of_the_condition() -> None:
    pods = [item("Pod", "coredns-1", "True", 20, "kube-system"), item("Pod", "other", "False", 20, "default")]
    found = readiness({"items": [item("Node", "m1", "True", 12), item("Node", "m2", "False", 13), *pods]})
    assert found.created == {"m1": 1.0, "m2": 1.0}
    assert found.nodes == {"m1": 12.0, "m2": None}
    assert found.pods == {"coredns-1": 20.0}


def test_readiness_waits_for_nodes_and_pods_that_are_missing() -> None:
    found = readiness(
        {"items": [item("Node", "m1", "True", 1), item("Pod", "kube-proxy-1", "False", 1, "kube-system")]}
    )
    assert found.waits_for(["m1"], {}) == ["pod kube-proxy-1"]
    assert found.waits_for(["m1", "m2"], {"kube-proxy": 2}) == ["node m2", "pod kube-proxy-1", "1 more pods kube-proxy"]


def test_document_ignores_text_around_it() -> None:
    assert document('warning\n{"a": {"b": 1}}\nmore') == {"a": {"b": 1}}


def test_join_has_the_certificate_key_for_control_plane_nodes_only() -> None:
    digest = rival.ca_digest(f"kubeadm join x --discovery-token-ca-cert-hash sha256:{'0' * 64} \\\n --control-plane")
    assert digest == f"sha256:{'0' * 64}"
    assert "--control-plane --certificate-key k --apiserver" in rival.joining("m2", "10.78.0.12", "t", digest, "k")
    assert "--control-plane" not in rival.joining("w1", "10.78.0.21", "t", digest, "")


def test_init_without_a_join_command_is_an_error() -> None:
    with pytest.raises(Failed, match="printed no join command: nothing"):
        rival.ca_digest("nothing")


def test_kubeadm_has_the_kubelet_settings_of_the_stack() -> None:
    stack = yaml.safe_load((Path(__file__).parents[3] / "Pulumi.hosts.yaml").read_text())["config"]
    kinds = {one["kind"]: one for one in yaml.safe_load_all(rival.configuration("m1", "10.78.0.11", "t", "k"))}
    assert stack["plumbline:kubelet"].items() <= kinds["KubeletConfiguration"].items()
    assert kinds["ClusterConfiguration"]["kubernetesVersion"] == f"v{parts.KUBERNETES}"


def test_pods_have_the_network_of_the_address() -> None:
    assert rival.pods_of("10.78.0.21") == "10.2.21.0/24"


def test_workers_get_no_files_of_the_control_plane() -> None:
    programs, images = files.programs("/opt/bin", False), files.images("/images", False, files.RIVAL_IMAGES)
    assert {"/opt/bin/kubelet", "/opt/bin/runc", "/opt/cni/bin/ptp"} <= {one.target for one in programs}
    assert not [one for one in [*programs, *images] if "etcd" in one.target or "apiserver" in one.target]
    assert len(files.images("/images", True, files.RIVAL_IMAGES)) == len(files.RIVAL_IMAGES) + 1


def test_command_ends_with_its_limit_and_its_children() -> None:
    with pytest.raises(Failed, match="sh -c sleep 60; true did not end within 0 s"):
        bounded(["sh", "-c", "sleep 60; true"], 0.1)


def test_failed_command_shows_the_end_of_its_output() -> None:
    with pytest.raises(Failed, match="m1: init ended with 3: reason"):
        bounded(["sh", "-c", "echo reason; exit 3"], 10, shown="m1: init")


def test_table_has_runs_medians_and_ratios() -> None:
    other = replace(RUN, subject="kubeadm", nodes=60.0, pods=50.0, preview=None, ready={"m1": 60.0}, operations=[])
    lines = table(Results([RUN, other, replace(RUN, nodes=33.0)], {"machine": "2 cores"})).splitlines()
    assert "| all nodes Ready | Plumbline | 30.0, 33.0 | 31.5 |" in lines
    assert "| all nodes and system pods Ready | kubeadm | 60.0 | 60.0 |" in lines
    assert "| ratio of medians | Plumbline / kubeadm |" in lines
    assert "| all nodes Ready, preview included | 0.61 |" in lines
    assert "Plumbline / kubeadm, all nodes Ready: 0.53 (target: at most 0.7; met)" in lines
    assert "| 1 | Plumbline | pulumi up 50.0 | m1 10, 30 | m1 12/20 |" in lines
    assert "| 2 | kubeadm | pulumi up 50.0 | m1 10, 60 | - |" in lines
    assert "- machine: 2 cores" in lines
