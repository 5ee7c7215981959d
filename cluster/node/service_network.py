"""The service network of a node: kube-proxy, in a separate NodeState, since it is ready only once the API serves."""

from __future__ import annotations

from cluster.config.model import Cluster, Node
from cluster.node import control_plane, kube_proxy, static_pod
from cluster.node.binaries import binaries
from cluster.step import After, NodeStateStep, step_name

COMPONENT = "network"
READY_SECONDS = 300


def plan(cluster: Cluster, node: Node) -> NodeStateStep:
    """kube-proxy on one node. A restart interrupts no connection, so it needs no slot."""
    pods = (kube_proxy.static_pod(cluster, node),)
    return NodeStateStep(
        node=node.name,
        component=COMPONENT,
        state=static_pod.node_state(pods, binaries(cluster), cluster.kubernetes.version, READY_SECONDS),
        issued=static_pod.issued(pods),
        after=(
            After(step_name(node.name, "kubelet"), "the kubelet runs kube-proxy"),
            *(
                After(
                    step_name(server.name, control_plane.COMPONENT), "kube-proxy is ready once the API lists services"
                )
                for server in cluster.control_plane_nodes()
            ),
        ),
    )
