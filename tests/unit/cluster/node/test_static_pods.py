"""Static pods: the files that flags and kubeconfigs name exist and are mounted in the container."""

from __future__ import annotations

import pytest
import yaml

from cluster import versions
from cluster.config.model import Cluster
from cluster.node import control_plane, kube_proxy
from cluster.node.binaries import Binaries
from cluster.node.static_pod import StaticPod, issued, manifest, node_state


def pods(cluster: Cluster) -> dict[str, StaticPod]:
    node = cluster.nodes[1]
    return {pod.name: pod for pod in (*control_plane.static_pods(cluster, node), kube_proxy.static_pod(cluster, node))}


@pytest.mark.parametrize("name", [*control_plane.NAMES, kube_proxy.NAME])
def test_static_pod_flags_name_mounted_files(cluster: Cluster, name: str) -> None:
    pod = pods(cluster)[name]
    state = node_state([pod], Binaries(), versions.DEFAULT, 60)
    existing = {*state.files, *(file.path for file in issued([pod]))}
    [container] = manifest(pod)["spec"]["containers"]
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert mounted == [pod.folder, *pod.writes], "no folder of another component"
    values = [argument.partition("=")[2] for argument in container["command"][1:]]
    named = {word for value in values for word in value.split(",") if word.startswith("/")}
    assert {path for path in named if not any(path.startswith(f"{folder}/") for folder in pod.writes)} <= existing
    for path in existing & named:
        assert path.startswith(f"{pod.folder}/")


@pytest.mark.parametrize("name", [*control_plane.NAMES, kube_proxy.NAME])
def test_static_pod_kubeconfig_names_own_files(cluster: Cluster, name: str) -> None:
    pod = pods(cluster)[name]
    [text] = [str(file.content) for file in pod.files if file.name == "kubeconfig"] or [""]
    if not text:
        return
    config = yaml.safe_load(text)
    user, server = config["users"][0]["user"], config["clusters"][0]["cluster"]
    named = {user["client-certificate"], user["client-key"], server["certificate-authority"]}
    assert named <= {pod.path(file.name) for file in pod.files}


@pytest.mark.parametrize("name", [*control_plane.NAMES, kube_proxy.NAME])
def test_static_pod_restarts_on_files_it_does_not_reread(cluster: Cluster, name: str) -> None:
    pod = pods(cluster)[name]
    reactions = {
        str(reaction.action): set(reaction.files)
        for reaction in node_state([pod], Binaries(), versions.DEFAULT, 60).reactions
    }
    started_with = {pod.path(file.name) for file in pod.files if not file.reread}
    assert reactions["restart"] == {pod.manifest_path, *started_with}
    assert reactions.get("self-reload", set()).isdisjoint(started_with)


def test_static_pod_api_server_certificate_is_checked(cluster: Cluster) -> None:
    pod = pods(cluster)["kube-apiserver"]
    [reaction] = [
        found
        for found in node_state([pod], Binaries(), versions.DEFAULT, 60).reactions
        if found.action == "self-reload"
    ]
    assert reaction.served_at == "127.0.0.1:6443"
    assert reaction.certificate == pod.path("server.crt")
