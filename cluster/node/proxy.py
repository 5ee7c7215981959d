"""The proxy's settings for containerd, and for no other program: an environment file of its unit."""

from __future__ import annotations

from cluster.config.model import Cluster, ExistingHosts
from cluster.node import paths
from nodestate import UNKNOWN, File, Secret, Text
from nodestate.secret import known_text


def files(cluster: Cluster) -> dict[str, File]:
    """The environment file by its path; empty without a proxy. It is a secret if one of the URLs is."""
    proxy = cluster.proxy
    if proxy.http is None and proxy.https is None:
        return {}
    lines = {"HTTP_PROXY": proxy.http, "HTTPS_PROXY": proxy.https, "NO_PROXY": ",".join(without_proxy(cluster))}
    secret = any(isinstance(text, Secret) for text in lines.values())
    text: Text = "".join(f"{name}={known_text(text)}\n" for name, text in lines.items() if text is not None)
    if secret:
        known = all(known_text(one) is not None for one in lines.values() if one is not None)
        text = Secret(text if known and isinstance(text, str) else UNKNOWN)
    # Not in the unit: every user of a node can read that.
    return {paths.CONTAINERD_PROXY: File(text, mode="0600")}


def without_proxy(cluster: Cluster) -> tuple[str, ...]:
    """All that is reached without the proxy: the cluster's networks, names and nodes, then what the configuration adds."""
    api = cluster.kubernetes
    machines = cluster.machines
    nodes = (
        [str(node.address) for node in cluster.nodes]
        if isinstance(machines, ExistingHosts)
        else [str(machines.network)]
    )
    found = [
        *("localhost", "127.0.0.0/8", str(cluster.network.pod_cidr), str(cluster.network.service_cidr), *nodes),
        *(node.name for node in cluster.nodes),
        *(".svc", f".{cluster.domain}", api.internal_endpoint, str(api.control_plane_endpoint)),
        *cluster.proxy.no_proxy,
    ]
    return tuple(dict.fromkeys(found))
