"""Kubeconfigs, and the lines of /etc/hosts by which clients on a node find the API servers."""

from __future__ import annotations

import base64
from typing import Any

from cluster.config.addresses import Host, url
from cluster.config.model import Cluster, Node
from cluster.node import paths
from cluster.rendering import dump_yaml

API_PORT = 6443


def kubelet(cluster: Cluster) -> str:
    """The kubelet's kubeconfig. It refers to certificates by path, so the kubelet rereads a renewed one."""
    user = {"client-certificate": paths.KUBELET_CLIENT_CERTIFICATE, "client-key": paths.KUBELET_CLIENT_KEY}
    return _by_path(cluster, paths.CA_CERTIFICATE, "kubelet", user)


def component(cluster: Cluster, user: str, name: str) -> str:
    """The kubeconfig of the static pod `name`. It refers to the files in the pod's own folder."""
    folder = f"{paths.KUBERNETES}/{name}"
    credentials = {"client-certificate": f"{folder}/client.crt", "client-key": f"{folder}/client.key"}
    return _by_path(cluster, f"{folder}/ca.crt", user, credentials)


def hosts(cluster: Cluster, node: Node) -> str:
    """The lines of /etc/hosts for the internal endpoint: all API servers, the node's own first if it has one.

    If a connection is refused or times out, a client tries the next address.
    """
    name = cluster.kubernetes.internal_endpoint
    return "".join(f"{server.address} {name}\n" for server in own_first(cluster, node))


def host_aliases(cluster: Cluster, node: Node) -> list[dict[str, Any]]:
    """The same as `hostAliases` of a pod, whose /etc/hosts is written when it starts."""
    name = cluster.kubernetes.internal_endpoint
    return [{"ip": str(server.address), "hostnames": [name]} for server in own_first(cluster, node)]


def own_first(cluster: Cluster, node: Node) -> list[Node]:
    """The control-plane nodes; `node` comes first if it is one."""
    return sorted(cluster.control_plane_nodes(), key=lambda other: other.name != node.name)


def embedded(cluster: Cluster, host: Host, user: str, ca_pem: str, certificate_pem: str, key_pem: str) -> str:
    """A kubeconfig that contains its certificates and key. The text is a secret.

    The first context uses `host`, which may not resolve on the computer that uses the file. So there is also a context
    per control-plane node, `<cluster>-<node>`, which uses the node's address.
    """
    ca = {"certificate-authority-data": _base64(ca_pem)}
    credentials = {"client-certificate-data": _base64(certificate_pem), "client-key-data": _base64(key_pem)}
    config = _data(cluster, host, ca, user, credentials)
    for node in cluster.control_plane_nodes():
        name = f"{cluster.name}-{node.name}"
        config["clusters"].append({"name": name, "cluster": {"server": url(node.address, API_PORT), **ca}})
        config["contexts"].append({"name": name, "context": {"cluster": name, "user": user}})
    return dump_yaml(config)


def _by_path(cluster: Cluster, ca: str, user: str, credentials: dict[str, str]) -> str:
    host = cluster.kubernetes.internal_endpoint
    return dump_yaml(_data(cluster, host, {"certificate-authority": ca}, user, credentials))


def _data(cluster: Cluster, host: Host, ca: dict[str, str], user: str, credentials: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": {"server": url(host, API_PORT), **ca}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": user}}],
        "current-context": cluster.name,
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
