"""The service proxy of a node: a static pod."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cluster import versions
from cluster.config.kubelet_base import merge
from cluster.config.model import Cluster, Node
from cluster.node import kubeconfig
from cluster.node.start_check import NONE, StartCheck
from cluster.node.static_pod import HealthEndpoint, PodFile, StaticPod, key_pair, path
from cluster.rendering import dump_yaml
from cluster.step import CA, Issued, Part

NAME = "kube-proxy"
HEALTH = HealthEndpoint(10256, "/livez", "/healthz", scheme="http")


def static_pod(cluster: Cluster, node: Node) -> StaticPod:
    """kube-proxy in nftables mode. Its RBAC binding is built into Kubernetes."""

    def own(name: str) -> str:
        return path(NAME, name)

    return StaticPod(
        name=NAME,
        description="Kubernetes service proxy",
        image=cluster.kubernetes.artifacts.reference(versions.image(NAME, cluster.kubernetes.version)),
        flags={"config": own("config.yaml")},
        files=[
            PodFile("config.yaml", dump_yaml(configuration(cluster, node))),
            PodFile("kubeconfig", kubeconfig.component(cluster, "system:kube-proxy", NAME)),
            PodFile("ca.crt", Issued(CA.KUBERNETES, Part.CERTIFICATE)),
            *key_pair("client", f"{node.name}-kube-proxy"),
        ],
        health=replace(HEALTH, period=cluster.control_plane.probe_period),
        cpu="100m",
        host_aliases=kubeconfig.host_aliases(cluster, node),
        privileged=True,
        check=StartCheck(
            bool(cluster.network.kube_proxy),
            # Read after all other files, and before anything is connected.
            replaced={path(NAME, "kubeconfig"): NONE},
            accepted=f"stat {NONE}: no such file or directory",
        ),
    )


def configuration(cluster: Cluster, node: Node) -> dict[str, Any]:
    """The node's KubeProxyConfiguration: the program's own, merged with the configured keys.

    By default metrics and health are served on 127.0.0.1 only.
    """
    settings: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": str(node.address),
        "clientConnection": {"kubeconfig": path(NAME, "kubeconfig")},
        "clusterCIDR": str(cluster.network.pod_cidr),
        "detectLocalMode": "ClusterCIDR",
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": node.name,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
    }
    if not cluster.network.conntrack_limits:
        unset = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
        settings["conntrack"] = {**unset, "udpTimeout": "0s", "udpStreamTimeout": "0s"}
    return merge(settings, cluster.network.kube_proxy)
