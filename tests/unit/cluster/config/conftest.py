"""Valid configurations, and the errors of changed ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import versions
from cluster.config.load import ConfigError, load_config
from tests.unit.keys import HOST_KEY, private_key

SHA = "ab" * 32
KUBELET = f"kubernetes/{versions.DEFAULT}/kubelet"
"""The path of an artifact on a mirror."""

LIBVIRT: dict[str, Any] = {
    "cluster": {"name": "proof", "domain": "cluster.local"},
    "machines": {
        "source": "libvirt",
        "libvirt": {"os": "debian", "network": "10.77.0.0/24", "image": {"path": "base.qcow2", "sha256": SHA}},
    },
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

Errors = Callable[[dict[str, Any]], tuple[str, ...]]
"""Takes changes by path (`nodes/w1/role`; None removes a key); returns the errors of the changed configuration."""


@pytest.fixture
def libvirt() -> dict[str, Any]:
    return copy.deepcopy(LIBVIRT)


@pytest.fixture
def existing() -> dict[str, Any]:
    return copy.deepcopy(EXISTING)


@pytest.fixture
def libvirt_errors(libvirt: dict[str, Any], root: Path) -> Errors:
    return lambda change: errors(changed(libvirt, change), root)


@pytest.fixture
def existing_errors(existing: dict[str, Any], root: Path) -> Errors:
    return lambda change: errors(changed(existing, change), root)


def errors(values: dict[str, Any], root: Path) -> tuple[str, ...]:
    """The errors of a configuration as text, empty if it is valid."""
    try:
        load_config(values, root)
    except ConfigError as error:
        return tuple(map(str, error.errors))
    return ()


def changed(values: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A configuration with some values set by path, or removed by None."""
    for path, value in change.items():
        *parents, last = path.split("/")
        below = values
        for parent in parents:
            below = below.setdefault(parent, {})
        if value is None:
            del below[last]
        else:
            below[last] = value
    return values


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the files that the configurations name."""
    (tmp_path / "id").write_bytes(private_key())
    (tmp_path / "nokey").write_text("hello\n")
    (tmp_path / "sums").write_text(f"{SHA}  {KUBELET}\n")
    (tmp_path / "broken").write_text("not a checksum line\n")
    (tmp_path / "torn").write_text(f"{SHA}  {KUBELET}\n{SHA[:40]}")
    (tmp_path / "double").write_text(f"{SHA}  {KUBELET}\n{'cd' * 32}  ./{KUBELET}\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    return tmp_path
