"""What may be laid over the program's own KubeletConfiguration: keys that exist, of the right kind, not the program's."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from cluster.config.kubelet_keys import KINDS

DURATION = re.compile(r"(\d+(\.\d+)?(ns|us|ms|s|m|h))+")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


EXPECTED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a text", lambda value: isinstance(value, str)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "number": ("a number", _number),
    "duration": (
        'a duration such as "1m30s"',
        lambda value: isinstance(value, str) and bool(DURATION.fullmatch(value)),
    ),
    "list": ("a list", lambda value: isinstance(value, list)),
    "map": ("an object", lambda value: isinstance(value, Mapping)),
}

OWNED = {
    "apiVersion": "it is always kubelet.config.k8s.io/v1beta1",
    "kind": "it is always KubeletConfiguration",
    "clusterDNS": "set network.clusterDNS",
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
    """Notes an error for each key that is not the user's to set, that no kubelet knows, or whose value is of another kind."""
    for key, value in overrides.items():
        if key in OWNED:
            errors.append(f"{path}.{key}: is set by the program: {OWNED[key]}")
        elif key not in KINDS:
            near = difflib.get_close_matches(key, KINDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            errors.append(f"{path}.{key}: is not a key of KubeletConfiguration v1beta1{hint}")
        elif value is not None:
            words, fits = EXPECTED[KINDS[key]]
            if not fits(value):
                errors.append(f"{path}.{key}: {value!r} is not {words}")
    authentication = overrides.get("authentication", {})
    if isinstance(authentication, Mapping):
        x509 = authentication.get("x509", {})
        if isinstance(x509, Mapping) and "clientCAFile" in x509:
            errors.append(
                f"{path}.authentication.x509.clientCAFile: is set by the program: the authority is the plan's"
            )
