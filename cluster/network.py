"""A node's part of the pod and service networks: CNI configuration, routes to the other nodes' pods, and kube-proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cluster import kubeconfig, paths, versions
from cluster.model import Cluster, Node, PodNetwork
from cluster.rendering import TEMPLATES, render
from cluster.state import Action, Directory, File, Reaction, Readiness, State, Unit
from cluster.static_pods import FOLDER, Probe, StaticPod, dump, file, merged
from cluster.static_pods import state as pod_state
from cluster.versions import KUBE_PROXY

ROUTES_UNIT = "plumbline-routes.service"
READY_SECONDS = 300


@dataclass(frozen=True)
class _RoutesUnit:
    script: str
    routes: str
    nftables: str


@dataclass(frozen=True)
class _Nftables:
    share: str
    pods: str


def state(cluster: Cluster, node: Node) -> State:
    """What a node must hold for its pods to reach each other and services, without kube-proxy's certificate.

    Another node's coming changes its list of routes, and nothing that a pod notices.
    """
    return merged(_kube_proxy(cluster, node), *([_routed(cluster, node)] if cluster.pods is PodNetwork.ROUTED else []))


def _routed(cluster: Cluster, node: Node) -> State:
    plugins = {f"{paths.CNI_BIN}/{name}": File(source=one, mode="0755") for name, one in cluster.artifacts.cni.items()}
    return State(
        files={
            **plugins,
            # The container runtime watches the folder: a change restarts nothing.
            paths.CNI_CONFLIST: File(json.dumps(conflist(node), indent=2) + "\n", mode="0600"),
            paths.ROUTES: File(routes(cluster, node)),
            paths.NFTABLES: File(render("network/pods.nft.j2", _Nftables(node.pods, cluster.pod_network))),
            paths.NETWORK_SCRIPT: File((TEMPLATES / "network/routes.sh").read_text(), mode="0755"),
            paths.NETWORKD: File((TEMPLATES / "network/networkd.conf").read_text()),
            paths.NETWORK_UNIT: File(
                render(
                    "units/plumbline-routes.service.j2",
                    _RoutesUnit(paths.NETWORK_SCRIPT, paths.ROUTES, paths.NFTABLES),
                )
            ),
        },
        directories={paths.NETWORK: Directory()},
        units={ROUTES_UNIT: Unit()},
        reactions=(
            Reaction(
                ROUTES_UNIT,
                Action.RESTART,
                (paths.ROUTES, paths.NFTABLES, paths.NETWORK_SCRIPT, paths.NETWORK_UNIT),
            ),
        ),
        readiness=(Readiness(ROUTES_UNIT, timeout=60),),
    )


def conflist(node: Node) -> dict[str, Any]:
    """The CNI configuration: a link of its own from each pod to the node, an address of the node's share.

    Not a bridge: what a pod says to a service on its own node then passes the node's routing, where it is translated,
    without the kernel's br_netfilter.
    """
    return {
        "cniVersion": "1.0.0",
        "name": "plumbline",
        "plugins": [
            {
                "type": "ptp",
                "ipam": {"type": "host-local", "ranges": [[{"subnet": node.pods}]], "routes": [{"dst": "0.0.0.0/0"}]},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "nftables"},
        ],
    }


def routes(cluster: Cluster, node: Node) -> str:
    """A line for each other node: its share of the pod network and its address."""
    return "".join(f"{one.pods} {one.address}\n" for one in cluster.nodes if one.name != node.name)


def _kube_proxy(cluster: Cluster, node: Node) -> State:
    folder = f"{FOLDER}/{KUBE_PROXY}"
    settings = file(KUBE_PROXY, "config.yaml")
    conf = file(KUBE_PROXY, "kubeconfig")
    pod = StaticPod(
        name=KUBE_PROXY,
        description="Kubernetes service proxy",
        image=versions.image(KUBE_PROXY, cluster.kubernetes_version),
        command=[KUBE_PROXY, f"--config={settings}"],
        probe=Probe(10256, "/livez", "/healthz", scheme="http", period=cluster.control.probe_period),
        cpu="100m",
        files=[settings, conf, file(KUBE_PROXY, "ca.crt")],
        host_aliases=kubeconfig.host_aliases(cluster, node),
        privileged=True,
    )
    own = State(
        files={
            settings: File(dump(configuration(cluster, node, conf)), mode="0600"),
            conf: File(kubeconfig.component(cluster, "system:kube-proxy", folder), mode="0600"),
        },
        directories={folder: Directory("0700")},
    )
    return merged(own, pod_state(pod, READY_SECONDS))


def configuration(cluster: Cluster, node: Node, conf: str) -> dict[str, Any]:
    """The node's KubeProxyConfiguration. Metrics and health are for the node itself."""
    settings: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": node.address,
        "clientConnection": {"kubeconfig": conf},
        "clusterCIDR": cluster.pod_network,
        "detectLocalMode": "ClusterCIDR",
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": node.name,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
    }
    if not cluster.conntrack_limits:
        unset = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
        settings["conntrack"] = {**unset, "udpTimeout": "0s", "udpStreamTimeout": "0s"}
    return settings
