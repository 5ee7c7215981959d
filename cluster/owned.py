"""KubeletConfiguration keys that the program sets itself, and what to write instead of overriding them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OWNED = {
    "apiVersion": "it is always kubelet.config.k8s.io/v1beta1",
    "kind": "it is always KubeletConfiguration",
    "clusterDNS": "set network.dns",
    "clusterDomain": "set cluster.domain",
    "staticPodPath": "it is where the program's own static pods stand",
    "tlsCertFile": "the certificate comes from the plan",
    "tlsPrivateKeyFile": "the key comes from the plan",
    "rotateCertificates": "the certificate comes from the plan, which renews it",
    "serverTLSBootstrap": "the certificate comes from the plan, which renews it",
    "registerWithTaints": "set nodes.<name>.taints",
    "containerRuntimeEndpoint": "the container runtime is the program's own",
    "healthzBindAddress": "readiness is read there",
    "healthzPort": "readiness is read there",
    "readOnlyPort": "it serves without authentication and stays closed",
    "port": "the served certificate is checked there",
}


def check_kubelet_overrides(overrides: Mapping[str, Any], path: str, errors: list[str]) -> None:
    """Notes an error for each overridden key that is not the user's to set."""
    for key in overrides:
        if key in OWNED:
            errors.append(f"{path}.{key}: is set by the program: {OWNED[key]}")
    authentication = overrides.get("authentication", {})
    if isinstance(authentication, Mapping):
        x509 = authentication.get("x509", {})
        if isinstance(x509, Mapping) and "clientCAFile" in x509:
            errors.append(
                f"{path}.authentication.x509.clientCAFile: is set by the program: the authority is the plan's"
            )
