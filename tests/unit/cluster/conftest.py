"""A good configuration to break, one thing at a time."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from cluster import versions

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBn0vXLcCkfGjPiQfKpUkMOU8pUyUzcR4ZbZm4Oe6sD1"
SHA = "ab" * 32

LIBVIRT: dict[str, Any] = {
    "cluster": {"name": "proof", "domain": "cluster.local"},
    "machines": {"source": "libvirt", "os": "debian", "libvirt": {"image": {"path": "base.qcow2", "sha256": SHA}}},
    "nodes": {
        "m1": {"role": "control-plane", "address": "10.77.0.11"},
        "w1": {"role": "worker", "address": "10.77.0.21", "labels": {"node.kubernetes.io/pool": "general"}},
    },
}
EXISTING: dict[str, Any] = {
    "cluster": {"name": "proof"},
    "machines": {"source": "existing", "ssh": {"privateKeyFile": "id", "hostKey": HOST_KEY}},
    "nodes": {
        "m1": {"role": "master", "address": "192.0.2.11"},
        "w1": {"role": "worker", "address": "192.0.2.21"},
    },
}


@pytest.fixture
def libvirt() -> dict[str, Any]:
    return copy.deepcopy(LIBVIRT)


@pytest.fixture
def existing() -> dict[str, Any]:
    return copy.deepcopy(EXISTING)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the files that the configurations name."""
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "nokey").write_text("hello\n")
    (tmp_path / "sums").write_text(f"{SHA}  kubernetes/{versions.DEFAULT}/kubelet\n")
    (tmp_path / "broken").write_text("not a checksum line\n")
    (tmp_path / "badhost.pub").write_text("hello\n")
    return tmp_path
