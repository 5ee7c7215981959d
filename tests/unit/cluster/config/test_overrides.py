"""The program's own KubeletConfiguration passes the check that a user's keys pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.config.kubelet_keys import KINDS
from cluster.config.kubelet_overrides import EXPECTED, OWNED, check_kubelet_overrides
from cluster.config.load import load_config
from cluster.node import kubelet


def test_every_key_of_ours_is_known_and_of_its_kind(libvirt: dict[str, Any], root: Path) -> None:
    cluster = load_config(libvirt, root)
    for node in cluster.nodes:
        for key, value in kubelet.configuration(cluster, node).items():
            if key not in ("apiVersion", "kind"):
                words, fits = EXPECTED[KINDS[key]]
                assert fits(value), f"{key}: {value!r} is not {words}"


def test_what_the_program_owns_are_real_keys() -> None:
    assert OWNED.keys() - KINDS.keys() == {"apiVersion", "kind"}


@pytest.mark.parametrize("value", ["5m", "1m30s", "0s", "1.5h", "100ms"])
def test_durations_as_go_reads_them(value: str) -> None:
    errors: list[str] = []
    check_kubelet_overrides({"nodeStatusUpdateFrequency": value}, "kubelet", errors)
    assert errors == []


def test_a_key_left_to_its_default_is_no_error() -> None:
    errors: list[str] = []
    check_kubelet_overrides({"maxPods": None}, "kubelet", errors)
    assert errors == []
