"""The syntax of names, labels, taints, addresses and keys: each check returns what is wrong, or None."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from ipaddress import AddressValueError, IPv4Address, IPv4Network

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
SHA256 = re.compile(r"[0-9a-f]{64}")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

SELF_SET_PREFIXES = ("node.kubernetes.io", "kubelet.kubernetes.io")
SELF_SET_LABELS = (
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
)
"""What the NodeRestriction admission plugin lets a kubelet say of itself below kubernetes.io and k8s.io."""


def dns_label(value: str) -> str | None:
    """A DNS label: what a node and a cluster may be called."""
    if DNS_LABEL.fullmatch(value):
        return None
    return f"'{value}' is not a DNS label: 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"


def domain(value: str) -> str | None:
    """A DNS domain: labels joined by dots."""
    if len(value) <= 253 and all(DNS_LABEL.fullmatch(part) for part in value.split(".")):
        return None
    return f"'{value}' is not a DNS domain: labels of a-z, 0-9 and - joined by dots, 253 characters at most"


def label(key: str, value: str) -> str | None:
    """A Kubernetes label key and value."""
    if (wrong := _label_key(key)) is not None:
        return wrong
    if value and not LABEL_NAME.fullmatch(value):
        return f"'{value}' is not a label value: up to 63 of letters, digits, '-', '_' and '.', ends alphanumeric"
    return None


def self_set_label(key: str) -> str | None:
    """Whether a kubelet may put this label on its own node."""
    prefix, slash, _ = key.rpartition("/")
    if not slash or key in SELF_SET_LABELS:
        return None
    if prefix == "node-role.kubernetes.io":
        return (
            "a kubelet may not give itself a role label (refused since Kubernetes 1.16): leave it out, "
            "the role label is put on through the API from the node's role"
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
    if label(key, text) is not None:
        return f"'{value}' is not a taint: {label(key, text)}"
    return None


def network(value: str) -> str | None:
    """An IPv4 network in CIDR form, host bits zero."""
    try:
        IPv4Network(value)
    except ValueError:
        return f"'{value}' is not an IPv4 network in CIDR form with zero host bits, such as 10.77.0.0/24"
    return None if "/" in value else f"'{value}' has no prefix length, such as {value}/24"


def address(value: str) -> str | None:
    """An IPv4 address."""
    try:
        IPv4Address(value)
    except AddressValueError:
        return f"'{value}' is not an IPv4 address, such as 10.77.0.11"
    return None


def host(value: str) -> str | None:
    """A DNS domain or an IPv4 address."""
    if domain(value) is None and not value.rpartition(".")[2].isdigit():
        return None
    if address(value) is None:
        return None
    return f"'{value}' is neither a DNS domain nor an IPv4 address"


def sha256(value: str) -> str | None:
    """A sha256 checksum."""
    return None if SHA256.fullmatch(value) else f"'{value}' is not a sha256 checksum: 64 digits of 0-9 and a-f"


def url(value: str) -> str | None:
    """A http or https URL."""
    if re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/\S*)?", value):
        return None
    return f"'{value}' is not a http:// or https:// URL"


def host_key(value: str) -> str | None:
    """An SSH public host key, `<type> <base64>`; a comment may follow."""
    allowed = f"one of {', '.join(HOST_KEY_TYPES)} and its base64 text, as in /etc/ssh/ssh_host_ed25519_key.pub there"
    kind, _, rest = value.strip().partition(" ")
    if kind not in HOST_KEY_TYPES or not rest.strip():
        return f"is not an SSH public key: {allowed}"
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
        (length,) = struct.unpack(">I", blob[:4])
    except (binascii.Error, struct.error):
        return f"is not an SSH public key: {allowed}"
    return None if blob[4 : 4 + length] == kind.encode() else f"is not an SSH public key of type {kind}: {allowed}"


def _label_key(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and domain(prefix) is not None:
        return f"'{key}' is not a label key: what stands before the / must be a DNS domain"
    if not LABEL_NAME.fullmatch(name):
        return f"'{key}' is not a label key: up to 63 of letters, digits, '-', '_' and '.', beginning and ending alphanumeric"
    return None
