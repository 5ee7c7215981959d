"""The scheduler of a control-plane node: a static pod."""

from __future__ import annotations

from dataclasses import replace

from cluster import versions
from cluster.config.model import Cluster, Node
from cluster.node import kubeconfig
from cluster.node.kube_controller_manager import leader_election
from cluster.node.start_check import StartCheck
from cluster.node.static_pod import HealthEndpoint, PodFile, StaticPod, key_pair, path
from cluster.node.tls import SERVING_FLAGS
from cluster.step import CA, Issued, Part

NAME = "kube-scheduler"
HEALTH = HealthEndpoint(10259)


def static_pod(cluster: Cluster, node: Node) -> StaticPod:
    """The scheduler."""
    settings = cluster.control_plane.scheduler

    def own(name: str) -> str:
        return path(NAME, name)

    return StaticPod(
        name=NAME,
        description="Kubernetes scheduler",
        image=cluster.kubernetes.artifacts.reference(versions.image(NAME, cluster.kubernetes.version)),
        flags={
            "authentication-kubeconfig": own("kubeconfig"),
            "authorization-kubeconfig": own("kubeconfig"),
            "bind-address": "127.0.0.1",
            "kubeconfig": own("kubeconfig"),
            **leader_election(cluster.control_plane),
            "profiling": "false",
            # Metrics are served to 127.0.0.1 only, with a self-signed certificate in memory.
            **SERVING_FLAGS,
        },
        files=[
            PodFile("kubeconfig", kubeconfig.component(cluster, "system:kube-scheduler", NAME)),
            PodFile("ca.crt", Issued(CA.KUBERNETES, Part.CERTIFICATE)),
            *key_pair("client", f"{node.name}-scheduler"),
        ],
        health=replace(HEALTH, period=cluster.control_plane.probe_period),
        cpu="100m",
        host_aliases=kubeconfig.host_aliases(cluster, node),
        labels={"tier": "control-plane"},
        check=StartCheck.without_kubeconfig(settings),
    ).with_settings(settings)
