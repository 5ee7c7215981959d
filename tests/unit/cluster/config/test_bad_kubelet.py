"""Errors of `kubelet` and `nodes.<name>.kubelet`: each value, and the result of the merge with the program's own configuration."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cluster.config.conftest import Errors
from tests.unit.cluster.config.kubelet_cases import CASES, GOOD


@pytest.mark.parametrize(("settings", "key", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses_kubelet_settings(
    libvirt_errors: Errors, settings: dict[str, Any], key: str, text: str
) -> None:
    assert libvirt_errors({"kubelet": settings}) == (f"kubelet.{key}: {text}",)


@pytest.mark.parametrize(("settings", "key", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses_kubelet_settings_of_a_node(
    libvirt_errors: Errors, settings: dict[str, Any], key: str, text: str
) -> None:
    assert libvirt_errors({"nodes/w1/kubelet": settings}) == (f"nodes.w1.kubelet.{key}: {text}",)


@pytest.mark.parametrize("settings", GOOD.values(), ids=GOOD)
def test_load_config_accepts_kubelet_settings(libvirt_errors: Errors, settings: dict[str, Any]) -> None:
    assert libvirt_errors({"kubelet": settings}) == ()


def test_load_config_names_the_keys_that_cluster_and_node_set(libvirt_errors: Errors) -> None:
    change = {"kubelet": {"shutdownGracePeriodCriticalPods": "40s"}, "nodes/w1/kubelet": {"shutdownGracePeriod": "35s"}}
    assert libvirt_errors(change) == (
        "nodes.w1.kubelet.shutdownGracePeriod: '35s' is less than shutdownGracePeriodCriticalPods ('40s'): set "
        "shutdownGracePeriodCriticalPods, too",
    )


def test_load_config_counts_a_nodes_pods_by_its_own_setting(libvirt_errors: Errors) -> None:
    change = {"nodes/w1/podCIDR": "10.2.21.0/26", "nodes/w1/kubelet": {"maxPods": 60}}
    assert libvirt_errors(change) == ()
    assert libvirt_errors({"nodes/w1/kubelet": {"maxPods": 62}}) == (
        "nodes.w1.kubelet.maxPods: 62 is more than the 61 pod addresses of nodes.w1.podCIDR (10.2.21.0/26): lower it, or "
        "set a larger podCIDR",
    )
