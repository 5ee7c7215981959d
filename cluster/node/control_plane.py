"""API server, controller manager and scheduler of a control-plane node: three static pods in one NodeState, so one slot."""

from __future__ import annotations

from dataclasses import replace

from cluster.config.model import Cluster, Node
from cluster.node import kube_apiserver, kube_controller_manager, kube_scheduler, static_pod
from cluster.node.binaries import binaries
from cluster.node.rollouts import rollout
from cluster.node.static_pod import StaticPod
from cluster.step import After, NodeStateStep, step_name
from nodestate import File

COMPONENT = "control-plane"
NAMES = (kube_apiserver.NAME, kube_controller_manager.NAME, kube_scheduler.NAME)
HEALTH = {module.NAME: module.HEALTH for module in (kube_apiserver, kube_controller_manager, kube_scheduler)}
READY_SECONDS = 600
"""An emulated machine takes minutes for its first API server."""


def plan(cluster: Cluster, node: Node, etcd_quorum: str) -> NodeStateStep:
    """The control plane of one node, and kubectl. `etcd_quorum` is the name of the step after which etcd serves."""
    programs, pods = binaries(cluster), static_pods(cluster, node)
    state = static_pod.node_state(pods, programs, cluster.kubernetes.version, READY_SECONDS)
    kubectl = {programs.kubectl: File(source=cluster.kubernetes.artifacts.kubectl, mode="0755")}
    return NodeStateStep(
        node=node.name,
        component=COMPONENT,
        state=replace(
            state,
            files={**kubectl, **state.files},
            rollout=rollout(cluster, node, kube_apiserver.health_check(cluster, node)),
        ),
        issued=static_pod.issued(pods),
        after=(
            After(step_name(node.name, "kubelet"), "the kubelet runs the pods"),
            After(etcd_quorum, "an API server without etcd exits"),
        ),
    )


def static_pods(cluster: Cluster, node: Node) -> tuple[StaticPod, ...]:
    """The three static pods."""
    return (
        kube_apiserver.static_pod(cluster, node),
        kube_controller_manager.static_pod(cluster, node),
        kube_scheduler.static_pod(cluster, node),
    )
