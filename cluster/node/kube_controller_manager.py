"""The controller manager of a control-plane node: a static pod."""

from __future__ import annotations

from dataclasses import replace

from cluster import versions
from cluster.config.model import Cluster, Cni, ControlPlane, Node
from cluster.node import kubeconfig
from cluster.node.start_check import StartCheck
from cluster.node.static_pod import HealthEndpoint, PodFile, StaticPod, key_pair, path
from cluster.node.tls import SERVING_FLAGS
from cluster.step import CA, Issued, Part, SharedKey

NAME = "kube-controller-manager"
HEALTH = HealthEndpoint(10257, "/healthz", "/healthz")


def static_pod(cluster: Cluster, node: Node) -> StaticPod:
    """The controller manager. It signs no certificates: no CA key is on any node."""
    settings = cluster.control_plane.controller_manager

    def own(name: str) -> str:
        return path(NAME, name)

    return StaticPod(
        name=NAME,
        description="Kubernetes controller manager",
        image=cluster.kubernetes.artifacts.reference(versions.image(NAME, cluster.kubernetes.version)),
        flags={
            **_node_cidrs(cluster),
            "authentication-kubeconfig": own("kubeconfig"),
            "authorization-kubeconfig": own("kubeconfig"),
            "bind-address": "127.0.0.1",
            "client-ca-file": own("ca.crt"),
            "cluster-name": cluster.name,
            "controllers": "*,tokencleaner,-bootstrapsigner,-csrsigning",
            "kubeconfig": own("kubeconfig"),
            **leader_election(cluster.control_plane),
            "profiling": "false",
            "requestheader-client-ca-file": own("front-proxy-ca.crt"),
            "root-ca-file": own("ca.crt"),
            "service-account-private-key-file": own("service-account.key"),
            "service-cluster-ip-range": str(cluster.network.service_cidr),
            "terminated-pod-gc-threshold": "1000",
            "use-service-account-credentials": "true",
            # Metrics are served to 127.0.0.1 only, with a self-signed certificate in memory.
            **SERVING_FLAGS,
        },
        files=[
            PodFile("kubeconfig", kubeconfig.component(cluster, "system:kube-controller-manager", NAME)),
            PodFile("ca.crt", Issued(CA.KUBERNETES, Part.CERTIFICATE)),
            PodFile("service-account.key", Issued(SharedKey.SERVICE_ACCOUNT, Part.PRIVATE_KEY)),
            *key_pair("client", f"{node.name}-controller-manager"),
            PodFile("front-proxy-ca.crt", Issued(CA.FRONT_PROXY, Part.CERTIFICATE), reread=True),
        ],
        health=replace(HEALTH, period=cluster.control_plane.probe_period),
        cpu="200m",
        host_aliases=kubeconfig.host_aliases(cluster, node),
        labels={"tier": "control-plane"},
        check=StartCheck.without_kubeconfig(settings),
    ).with_settings(settings)


def _node_cidrs(cluster: Cluster) -> dict[str, str]:
    """With `network.cni: routed` the plan assigns the podCIDRs; otherwise the controller manager does."""
    if cluster.network.cni is Cni.ROUTED:
        return {"allocate-node-cidrs": "false"}
    return {"allocate-node-cidrs": "true", "cluster-cidr": str(cluster.network.pod_cidr)}


def leader_election(settings: ControlPlane) -> dict[str, str]:
    """The flags of leader election, shared with the scheduler."""
    return {
        "leader-elect": "true",
        "leader-elect-lease-duration": f"{settings.lease_duration}s",
        "leader-elect-renew-deadline": f"{settings.renew_deadline}s",
        "leader-elect-retry-period": f"{settings.retry_period}s",
    }
