"""The syntax of names, labels, taints, paths and URLs: each check returns an error, or None."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
SHA256 = re.compile(r"[0-9a-f]{64}")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
HTTP_URL = r"https?://[A-Za-z0-9.\[\]:-]+(/\S*)?"
LIBVIRT_URI = r"(qemu|test)(\+(unix|ssh|tcp|tls|libssh2?))?://\S*"
USER = r"[A-Za-z0-9_.][A-Za-z0-9_.@-]*"
BRIDGE = r"[a-z][a-z0-9-]{0,14}"

NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A whole name, or the last label of one, that resolvers read as a part of an IPv4 address."""

SYSTEM_FOLDERS = (
    *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr"),
)
SHARED_FOLDERS = ("/var/lib", "/var/lib/libvirt", "/var/lib/libvirt/images", "/var/log", "/var/cache", "/var/tmp")

SELF_SET_PREFIXES = ("node.kubernetes.io", "kubelet.kubernetes.io")
SELF_SET_LABELS = (
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
)
"""The labels below kubernetes.io and k8s.io that the NodeRestriction admission plugin allows a kubelet to set on its node."""


def dns_label(value: str) -> str | None:
    """A DNS label: the names of nodes and of the cluster."""
    if DNS_LABEL.fullmatch(value):
        return None
    return f"'{value}' is not a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"


def domain(value: str) -> str | None:
    """A DNS domain: labels joined by dots."""
    if len(value) <= 253 and all(DNS_LABEL.fullmatch(part) for part in value.split(".")):
        return None
    return f"'{value}' is not a DNS domain: labels of a-z, 0-9 and - joined by dots, 253 characters at most"


def dns_name(value: str) -> str | None:
    """A DNS domain that no resolver reads as an address: its last label is not a number."""
    if (wrong := domain(value)) is not None:
        return wrong
    if NUMERIC.fullmatch(value.rpartition(".")[2]):
        return f"'{value}' is not a DNS name: its last label is a number, which resolvers read as an address"
    return None


def node_name(value: str) -> str | None:
    """A node's name: its hostname, and a part of many others."""
    if (wrong := dns_label(value)) is not None:
        return wrong
    if NUMERIC.fullmatch(value):
        return f"'{value}' is a number, which resolvers read as an address: add a letter, such as node-{value}"
    if value == "localhost":
        return f"'{value}' is every machine's name for itself: choose another name"
    return None


def label(key: str, value: str) -> str | None:
    """A Kubernetes label key and value."""
    if (wrong := _label_key(key)) is not None:
        return wrong
    if value and not LABEL_NAME.fullmatch(value):
        return f"'{value}' is not a label value: up to 63 of letters, digits, '-', '_' and '.', ends alphanumeric"
    return None


def self_set_label(key: str) -> str | None:
    """The error of a label that a kubelet may not set on its own node."""
    prefix, slash, _ = key.rpartition("/")
    if not slash or key in SELF_SET_LABELS:
        return None
    if prefix == "node-role.kubernetes.io":
        return (
            "a kubelet may not set a role label on its node (refused since Kubernetes 1.16): remove it, "
            "the program sets the role label through the API"
        )
    reserved = any(prefix == base or prefix.endswith(f".{base}") for base in ("kubernetes.io", "k8s.io"))
    if reserved and not any(prefix == own or prefix.endswith(f".{own}") for own in SELF_SET_PREFIXES):
        return f"a kubelet may set labels of kubernetes.io only below {' and '.join(SELF_SET_PREFIXES)}"
    return None


def taint(value: str) -> str | None:
    """A taint as `key=value:Effect` or `key:Effect`."""
    found, _, effect = value.rpartition(":")
    key, _, text = found.partition("=")
    if effect not in EFFECTS:
        return f"'{value}' is not a taint: key=value:Effect with Effect one of {', '.join(EFFECTS)}"
    if (wrong := label(key, text)) is not None:
        return f"'{value}' is not a taint: {wrong}"
    return None


def sha256(value: str) -> str | None:
    """A sha256 checksum."""
    return None if SHA256.fullmatch(value) else f"'{value}' is not a sha256 checksum: 64 digits of 0-9 and a-f"


def image_digest(value: str) -> str | None:
    """An image's digest, as registries print it."""
    if re.fullmatch(f"sha256:{SHA256.pattern}", value):
        return None
    return f"'{value}' is not an image's digest: sha256: and 64 digits of 0-9 and a-f"


def http_url(value: str) -> str | None:
    """A http or https URL."""
    if re.fullmatch(HTTP_URL, value):
        return None
    return f"'{value}' is not a http:// or https:// URL"


def libvirt_uri(value: str) -> str | None:
    """A libvirt connection URI of a QEMU hypervisor."""
    if re.fullmatch(LIBVIRT_URI, value):
        return None
    return f"'{value}' is not a libvirt URI, such as qemu:///system or qemu+ssh://root@host/system"


def bridge(value: str) -> str | None:
    """An interface name that Linux accepts."""
    if re.fullmatch(BRIDGE, value):
        return None
    return f"'{value}' is not an interface name: at most 15 of a-z, 0-9 and -, beginning with a letter"


def user(value: str) -> str | None:
    """A login name."""
    if re.fullmatch(USER, value):
        return None
    return f"'{value}' is not a login name: letters, digits and ._@-, not beginning with -"


def ssh_host(value: str) -> str | None:
    """The error of an address or host name to dial, or of an alias of a client configuration; None if it can be one."""
    if re.fullmatch(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*", value):
        return None
    return f"'{value}' is not an address or host name, such as 192.0.2.11"


def pool(value: str) -> str | None:
    """The folder of a storage pool. libvirt creates and removes it, so nothing else may use it."""
    if not re.fullmatch(r"/[A-Za-z0-9._/-]+", value):
        return f"'{value}' is not an absolute folder of letters, digits and ._-/"
    if str(PurePosixPath(value)) != value or ".." in value.split("/") or value.startswith("//"):
        return f"'{value}' is not a plain path: write it without '.', '..', '//' and a trailing /"
    if value.split("/")[1] in SYSTEM_FOLDERS or value in SHARED_FOLDERS or value.count("/") < 2:
        return f"'{value}' is a folder that others use: set one for this pool only, such as /var/lib/libvirt/plumbline/<cluster>"
    return None


def bridge_name(cluster_name: str) -> str:
    """The default bridge of a cluster: its name, shortened to the 15 characters that an interface name may have."""
    name = f"pb-{cluster_name}"
    if len(name) <= 15:
        return name
    return f"{name[:10]}-{hashlib.sha256(cluster_name.encode()).hexdigest()[:4]}"


def _label_key(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and domain(prefix) is not None:
        return f"'{key}' is not a label key: the part before the / must be a DNS domain"
    if not LABEL_NAME.fullmatch(name):
        return f"'{key}' is not a label key: up to 63 of letters, digits, '-', '_' and '.', beginning and ending alphanumeric"
    return None
