"""Draining a node that leaves: its pods are evicted while other nodes accept them, as `kubectl drain` does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from nodestate import vocabulary as words
from provider.engine import Log
from provider.objects import nodes
from provider.objects.connection import MERGE, ApiRefused
from provider.objects.fields import MANAGER
from provider.objects.servers import Requests

DRAIN_SECONDS = 60
POLL_SECONDS = 1.0
MIRROR = "kubernetes.io/config.mirror"


async def drain(api: Requests, node: str, log: Log) -> None:
    """Cordons the node and evicts its pods, for at most a minute and only while another node is schedulable; then its object
    is deleted. Pods of DaemonSets and static pods stay. Nothing is done if there is no such node. Raises NodeError.
    """
    if await api.get(nodes.path(node)) is None:
        return
    await api.send(
        "PATCH", nodes.path(node), {"spec": {"unschedulable": True}}, content_type=MERGE, fieldManager=MANAGER
    )
    await log(f"{node}: draining it: its pods are evicted")
    clock = asyncio.get_running_loop().time
    deadline = clock() + DRAIN_SECONDS
    while await _others_accept(api) and (left := await _evicted(api, node)):
        if clock() > deadline:
            listed = ", ".join(sorted(left)[:5])
            await log(f"{node}: not drained after {DRAIN_SECONDS} s, it is deleted all the same: {listed}")
            break
        await asyncio.sleep(POLL_SECONDS)
    await log(words.changing(words.NODES_SET, "delete", nodes.ref(node)))
    try:
        await api.send("DELETE", nodes.path(node))
    except ApiRefused as error:
        if error.code != 404:
            raise


async def _others_accept(api: Requests) -> bool:
    listed = await api.send("GET", "/api/v1/nodes")
    return any(not (one.get("spec") or {}).get("unschedulable") for one in listed.get("items") or [])


async def _evicted(api: Requests, node: str) -> list[str]:
    """Evicts each pod that is to go; those that are still there, with the reason if the API refuses."""
    listed = await api.send("GET", "/api/v1/pods", fieldSelector=f"spec.nodeName={node}")
    left = []
    for pod in listed.get("items") or []:
        if _stays(pod):
            continue
        metadata = pod["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        reason = ""
        if not metadata.get("deletionTimestamp"):
            reason = await _evict(api, namespace, name)
        left.append(f"pod {namespace}/{name}{f' ({reason})' if reason else ''}")
    return left


async def _evict(api: Requests, namespace: str, name: str) -> str:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    try:
        await api.post(f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body)
    except ApiRefused as error:
        # 429: a PodDisruptionBudget does not allow it now.
        return "" if error.code == 404 else str(error)
    return ""


def _stays(pod: Mapping[str, Any]) -> bool:
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or []
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    of_daemon_set = any(one.get("kind") == "DaemonSet" for one in owners)
    return ended or of_daemon_set or MIRROR in (metadata.get("annotations") or {})
