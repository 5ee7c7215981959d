"""MAC addresses, derived from names: the same configuration always gives the same ones."""

from __future__ import annotations

import hashlib


def mac(cluster_name: str, node_name: str) -> str:
    """A node's MAC address: QEMU's prefix 52:54:00, then a hash of the two names."""
    digest = hashlib.sha256(f"{cluster_name}/{node_name}".encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])
