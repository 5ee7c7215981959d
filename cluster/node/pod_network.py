"""The pod and service networks of a node: CNI configuration, routes to the other nodes' pods, and kube-proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cluster.config.model import Cluster, Cni, Node
from cluster.node import paths
from cluster.node.binaries import binaries
from cluster.node.static_pod import merged
from cluster.rendering import read_template, render
from nodestate import Action, Directory, File, Foreign, NodeState, Probe, Reaction, Readiness, Unit, Verification

ROUTES_UNIT = "plumbline-routes.service"
FORWARDING = "/proc/sys/net/ipv4/ip_forward"
ROUTED = f"as in {paths.ROUTES}"
VERIFY_NFTABLES = f"""\
command -v nft >/dev/null || {{ echo "nft is missing on this node: install nftables, then run pulumi up again"; exit 1; }}
nft --check --file "$(staged {paths.NFTABLES})"
"""


def state(cluster: Cluster, node: Node) -> NodeState:
    """The pod network of one node, as a part of its container runtime's NodeState: a node is Ready as soon as its kubelet runs.

    A node that joins changes the other nodes' routes, which a reload of the unit takes in: nothing is interrupted, and no
    slot of a rollout group is needed.
    """
    plugins = NodeState(files=_plugins(cluster))
    if cluster.network.cni is not Cni.ROUTED:
        return plugins
    return merged(plugins, _routed(cluster, node))


def _plugins(cluster: Cluster) -> dict[str, File]:
    """The reference plugins: those of another's CNI plugin call them, and containerd calls one itself."""
    programs = binaries(cluster)
    return {
        programs.cni_plugin(name): File(source=download, mode="0755")
        for name, download in cluster.kubernetes.artifacts.cni.items()
    }


def _routed(cluster: Cluster, node: Node) -> NodeState:
    script = binaries(cluster).routes
    nftables = render("node/pod_network/pods.nft.j2", _Nftables(str(node.pod_cidr), str(cluster.network.pod_cidr)))
    unit = _RoutesUnit(script, paths.ROUTES, paths.NFTABLES)
    return NodeState(
        files={
            # containerd watches the folder: a change restarts nothing.
            paths.CNI_CONFLIST: File(json.dumps(conflist(node), indent=2) + "\n", mode="0600"),
            paths.ROUTES: File(routes(cluster, node)),
            paths.NFTABLES: File(nftables),
            script: File(read_template("node/pod_network/routes.sh"), mode="0755"),
            paths.NETWORKD: File(read_template("node/pod_network/networkd.conf")),
            paths.NETWORK_UNIT: File(render("node/pod_network/plumbline-routes.service.j2", unit)),
        },
        directories={paths.NETWORK: Directory()},
        units={ROUTES_UNIT: Unit(foreign_drop_ins=Foreign.REMOVED)},
        reactions=(
            Reaction(
                ROUTES_UNIT,
                Action.RELOAD,
                (paths.ROUTES, paths.NFTABLES, script, paths.NETWORK_UNIT),
            ),
        ),
        readiness=(Readiness(ROUTES_UNIT, timeout=60),),
        probes={
            "routes": Probe(
                render("node/pod_network/routes-probe.sh.j2", _RoutesProbe(paths.ROUTES)), ROUTED, ROUTES_UNIT
            ),
            "masquerading": _masquerading(cluster, node),
            "forwarding": Probe(f"cat {FORWARDING}", "1", ROUTES_UNIT),
        },
        verifications=(Verification((paths.NFTABLES,), VERIFY_NFTABLES),),
    )


def _masquerading(cluster: Cluster, node: Node) -> Probe:
    rule = _Nftables(str(node.pod_cidr), str(cluster.network.pod_cidr))
    return Probe(
        render("node/pod_network/masquerading-probe.sh.j2", rule),
        f"{rule.pod_cidr} to addresses outside {rule.cluster_cidr}",
        ROUTES_UNIT,
    )


def conflist(node: Node) -> dict[str, Any]:
    """The CNI configuration: a point-to-point link between each pod and the node, with an address from the node's podCIDR.

    Not a bridge: the node routes a pod's packets to a Service, so kube-proxy translates them without the kernel module
    br_netfilter.
    """
    ranges = [[{"subnet": str(node.pod_cidr)}]]
    return {
        "cniVersion": "1.0.0",
        "name": "plumbline",
        "plugins": [
            {"type": "ptp", "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}},
            {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "nftables"},
        ],
    }


def routes(cluster: Cluster, node: Node) -> str:
    """One line per other node: its podCIDR and its address."""
    return "".join(f"{other.pod_cidr} {other.address}\n" for other in cluster.nodes if other.name != node.name)


@dataclass(frozen=True)
class _RoutesUnit:
    script: str
    routes: str
    nftables: str


@dataclass(frozen=True)
class _RoutesProbe:
    routes: str


@dataclass(frozen=True)
class _Nftables:
    pod_cidr: str
    cluster_cidr: str
