"""Kubeconfigs, built as data."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from cluster.config.addresses import Host, url
from cluster.config.model import Cluster, Node
from cluster.node import paths

API_PORT = 6443


def node(cluster: Cluster) -> str:
    """The kubelet's kubeconfig: certificates by path, so that a renewed one is reread; one API name for all masters."""
    user = {"client-certificate": paths.KUBELET_CLIENT_CERTIFICATE, "client-key": paths.KUBELET_CLIENT_KEY}
    return _config(cluster, {"certificate-authority": paths.CA_CERTIFICATE}, "kubelet", user)


def component(cluster: Cluster, name: str, folder: str) -> str:
    """A control-plane component's kubeconfig: its files by path, in its own folder."""
    user = {"client-certificate": f"{folder}/client.crt", "client-key": f"{folder}/client.key"}
    return _config(cluster, {"certificate-authority": f"{folder}/ca.crt"}, name, user)


def hosts(cluster: Cluster, first: Node) -> str:
    """The lines of /etc/hosts by which clients on a node find the API servers: this node's own first, if it has one.

    A client that is refused, or hears nothing, dials the next address.
    """
    return "".join(f"{node.address} {cluster.kubernetes.internal_endpoint}\n" for node in own_first(cluster, first))


def host_aliases(cluster: Cluster, first: Node) -> list[dict[str, Any]]:
    """The same for a pod, which is given a file of its own once, at its start."""
    return [
        {"ip": str(node.address), "hostnames": [cluster.kubernetes.internal_endpoint]}
        for node in own_first(cluster, first)
    ]


def own_first(cluster: Cluster, first: Node) -> list[Node]:
    """The control-plane nodes, this one before the others if it is one."""
    return sorted(cluster.control_plane_nodes(), key=lambda node: node.name != first.name)


def embedded(cluster: Cluster, host: Host, user: str, ca_pem: str, certificate_pem: str, key_pem: str) -> str:
    """A kubeconfig with everything in it: a file to carry about, and a secret.

    Its first context goes by `host`. That may be unknown where the file is used, or stand for one address
    only: so there is a context for each control-plane node, too, which goes by that node's address.
    """
    authority = {"certificate-authority-data": _base64(ca_pem)}
    credentials = {"client-certificate-data": _base64(certificate_pem), "client-key-data": _base64(key_pem)}
    config = _data(cluster, host, authority, user, credentials)
    for node in cluster.control_plane_nodes():
        name = f"{cluster.name}-{node.name}"
        server = url(node.address, API_PORT)
        config["clusters"].append({"name": name, "cluster": {"server": server, **authority}})
        config["contexts"].append({"name": name, "context": {"cluster": name, "user": user}})
    return yaml.safe_dump(config, sort_keys=False)


def _config(cluster: Cluster, authority: dict[str, str], user: str, credentials: dict[str, str]) -> str:
    return yaml.safe_dump(
        _data(cluster, cluster.kubernetes.internal_endpoint, authority, user, credentials), sort_keys=False
    )


def _data(
    cluster: Cluster, host: Host, authority: dict[str, str], user: str, credentials: dict[str, str]
) -> dict[str, Any]:
    server = url(host, API_PORT)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": {"server": server, **authority}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": user}}],
        "current-context": cluster.name,
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
