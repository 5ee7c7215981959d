"""Reasons why a workload is not ready, from its pods."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from provider.objects.manifest import Ref
from provider.objects.servers import Requests
from provider.objects.wait import readiness

LABELS = {"k8s-app": "dns"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "coredns", "namespace": "kube-system", "generation": 2},
    "spec": {"replicas": 2, "selector": {"matchLabels": LABELS}},
    "status": {"observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 1},
}
READY, UNREADY = (
    [
        {
            "type": "Ready",
            "status": status,
            "reason": "ContainersNotReady",
            "message": "containers with unready status: [coredns]",
        }
    ]
    for status in ("True", "False")
)


class Api:
    """Answers for one Deployment, its pods, and the warnings about them."""

    def __init__(self, pods: list[dict[str, Any]], warnings: list[dict[str, str]]) -> None:
        self._answers = {"pods": pods, "events": warnings}
        self.asked: list[dict[str, str]] = []

    async def place(self, manifest: Any) -> str:
        return "/apis/apps/v1/namespaces/kube-system/deployments/coredns"

    async def get(self, path: str) -> Any:
        return DEPLOYMENT

    async def send(self, method: str, path: str, **query: str) -> Any:
        self.asked.append(query)
        return {"items": self._answers[path.rpartition("/")[2]]}


def pod(name: str, conditions: list[dict[str, str]], **metadata: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "kube-system", "uid": f"uid-{name}", **metadata},
        "spec": {"nodeName": "w1"},
        "status": {"conditions": conditions},
    }


@pytest.mark.parametrize(
    ("warnings", "said"),
    [
        ([], "not Ready: containers with unready status: [coredns]"),
        (
            [
                {"lastTimestamp": "2026-11-29T08:00:00Z", "reason": "Unhealthy", "message": "503"},
                {"lastTimestamp": "2026-11-29T07:00:00Z", "reason": "FailedMount", "message": "no volume"},
            ],
            "Unhealthy: 503",
        ),
    ],
    ids=["condition", "last-warning"],
)
def test_pod_that_is_not_ready_is_named_with_its_node(warnings: list[dict[str, str]], said: str) -> None:
    leaving = pod("old", UNREADY, deletionTimestamp="2026-11-29T08:00:00Z")
    api = Api([pod("a", READY), leaving, pod("b", UNREADY)], warnings)
    probe = readiness(cast(Requests, api), Ref.of(DEPLOYMENT), DEPLOYMENT)
    assert probe is not None
    assert asyncio.run(cast(Any, probe())) == f"1 of 2 pods are available; pod b on w1: {said}"
    assert api.asked == [{"labelSelector": "k8s-app=dns"}, {"fieldSelector": "involvedObject.uid=uid-b,type=Warning"}]
