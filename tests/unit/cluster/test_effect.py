"""No number or switch of the configuration is without effect: another value is another plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.config.declare import Key, keys
from cluster.config.model import Containerd, ControlPlane, Etcd, Network, WorkerRollout
from cluster.plan import plan
from tests import clusters

SECTIONS = {
    "containerd": Containerd,
    "controlPlane": ControlPlane,
    "etcd": Etcd,
    "network": Network,
    "rollout": WorkerRollout,
}
KEYS = [
    pytest.param(name, key, id=f"{name}.{key.name}")
    for name, section in SECTIONS.items()
    for key in keys(section)
    if key.type in (bool, int)
]


def planned(folder: Path, section: str, key: Key, value: bool | int) -> str:
    values = clusters.values()
    values.setdefault(section, {})[key.name] = value
    return repr(plan(clusters.load(folder, values)))


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_another_value_is_another_plan(tmp_path: Path, section: str, key: Key) -> None:
    other = not key.default if key.type is bool else key.default + 1
    assert planned(tmp_path, section, key, other) != planned(tmp_path, section, key, key.default)


def test_keys_of_every_section_are_tried() -> None:
    assert {case.values[0] for case in KEYS} == SECTIONS.keys()
