"""Kubeconfigs, built as data."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from cluster import paths
from cluster.model import Cluster

API_PORT = 6443


def node(cluster: Cluster) -> str:
    """The kubelet's kubeconfig: certificates by path, so that a renewed one is reread; one API name for all masters."""
    user = {"client-certificate": paths.KUBELET_CLIENT_CERTIFICATE, "client-key": paths.KUBELET_CLIENT_KEY}
    return _config(cluster, {"certificate-authority": paths.CA_CERTIFICATE}, "kubelet", user)


def component(cluster: Cluster, name: str, folder: str) -> str:
    """A control-plane component's kubeconfig: its files by path, in its own folder."""
    user = {"client-certificate": f"{folder}/client.crt", "client-key": f"{folder}/client.key"}
    return _config(cluster, {"certificate-authority": f"{folder}/ca.crt"}, name, user)


def admin(cluster: Cluster, ca_pem: str, certificate_pem: str, key_pem: str) -> str:
    """The administrator's kubeconfig, everything embedded: it is a file to carry about, and a secret."""
    authority = {"certificate-authority-data": _base64(ca_pem)}
    user = {"client-certificate-data": _base64(certificate_pem), "client-key-data": _base64(key_pem)}
    return _config(cluster, authority, f"{cluster.name}-administrator", user)


def _config(cluster: Cluster, authority: dict[str, str], user: str, credentials: dict[str, str]) -> str:
    server = f"https://{cluster.api_name}:{API_PORT}"
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.name, "cluster": {"server": server, **authority}}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.name, "user": user}}],
        "current-context": cluster.name,
    }
    return yaml.safe_dump(config, sort_keys=False)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
