"""The syntax of the container runtime's settings: each check returns an error, or None."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509

REGISTRY = re.compile(r"_default|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?")
PROXY = re.compile(r"https?://([^\s/@\"'\\$]+@)?[A-Za-z0-9.\[\]:-]+/?")
WITHOUT_PROXY = re.compile(r"[A-Za-z0-9.*-][A-Za-z0-9.:/-]*")
IMPORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.toml")

IMAGES = "io.containerd.cri.v1.images"
RUNTIME = "io.containerd.cri.v1.runtime"
OWNED: Mapping[tuple[str, ...], str] = {
    ("imports",): "set containerd.imports",
    ("root",): "the program stops containers there before it removes a node",
    ("state",): "kubelet and tools connect there",
    ("grpc", "address"): "the kubelet connects there",
    ("plugins", IMAGES, "pinned_images", "sandbox"): "the program provides this image",
    ("plugins", IMAGES, "registry"): "set containerd.registries",
    ("plugins", RUNTIME, "restrict_oom_score_adj"): "set containerd.restrictOomScoreAdj",
    ("plugins", RUNTIME, "cni"): "the program installs the network's plugins there",
    ("plugins", RUNTIME, "containerd", "runtimes", "runc", "options", "BinaryName"): "the program installs runc",
    ("plugins", RUNTIME, "containerd", "runtimes", "runc", "options", "SystemdCgroup"): "set kubelet.cgroupDriver",
}
"""The settings of the program that no imported file may override, and what to do instead."""


def registry(value: str) -> str | None:
    """The name of a registry, as in an image's name."""
    if REGISTRY.fullmatch(value):
        return None
    return f"'{value}' is not a registry's name, such as docker.io, registry.example:5000 or _default"


def endpoint(value: str) -> str | None:
    """A registry's URL."""
    if ENDPOINT.fullmatch(value):
        return None
    shown = "the URL holds a user" if "@" in value else f"'{value}'"
    return f"{shown} is not a http:// or https:// URL without user and password, such as https://mirror.example:5000"


def username(value: str) -> str | None:
    """A user's name for basic authentication."""
    if value.isprintable() and ":" not in value:
        return None
    return f"{value!r} is not a user's name: printable, without a colon"


def certificates(value: str) -> str | None:
    """Certificates in PEM."""
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        return "is not a certificate in PEM, -----BEGIN CERTIFICATE----- ..."
    return None


def proxy(value: str) -> str | None:
    """A proxy's URL, with or without user and password."""
    if PROXY.fullmatch(value):
        return None
    shown = "the URL" if "@" in value else f"'{value}'"
    return f"{shown} is not a http:// or https:// URL of a host, such as http://proxy.example:3128"


def without_proxy(value: str) -> str | None:
    """A target that is reached without the proxy."""
    if WITHOUT_PROXY.fullmatch(value):
        return None
    return f"'{value}' is not a name, a domain such as .example, an address or a network"


def imported(name: str, text: str) -> str | None:
    """A configuration file of containerd: its name, and its text in TOML."""
    if not IMPORT.fullmatch(name):
        return f"'{name}' is not a file name that ends with .toml"
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"is not TOML: {error}"
    return next(_owned(values), None)


def _owned(values: Mapping[str, Any]) -> Iterator[str]:
    for path, reason in OWNED.items():
        below: Any = values
        for part in path:
            below = below.get(part) if isinstance(below, dict) else None
        if below is not None:
            yield f"{'.'.join(path)} is the program's: {reason}"
