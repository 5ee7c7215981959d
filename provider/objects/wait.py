"""Waiting until what was applied works: definitions are served, workloads have rolled out, nodes are Ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from provider.engine import Log
from provider.errors import NodeError
from provider.objects import nodes
from provider.objects.connection import ApiRefused, ApiSilent
from provider.objects.manifest import Manifest, Ref
from provider.objects.servers import Requests

POLL_SECONDS = 0.5
TOLD_AFTER_SECONDS = 5
REGISTRATION_SECONDS = 300

Probe = Callable[[], Awaitable[str | None]]
"""Returns None once it is as it should be, else the reason why it is not."""


async def until(probe: Probe, seconds: float, subject: str, log: Log) -> None:
    """Asks until the probe finds no reason to wait. Raises NodeError with the last reason once the time is over."""
    clock = asyncio.get_running_loop().time
    began = clock()
    told = ""
    while (reason := await _asked(probe)) is not None:
        if clock() - began > seconds:
            raise NodeError(f"{subject}: not ready after {seconds:.0f} s: {reason}")
        if clock() - began > TOLD_AFTER_SECONDS and reason != told:
            told = reason
            await log(f"{subject}: waiting: {reason}", ephemeral=True)
        await asyncio.sleep(POLL_SECONDS)


async def _asked(probe: Probe) -> str | None:
    try:
        return await probe()
    except ApiSilent as error:
        return str(error)


def readiness(api: Requests, ref: Ref, manifest: Manifest) -> Probe | None:
    """The probe of an applied object, None for a kind that is ready at once."""
    judge = _JUDGES.get(ref.kind)
    if judge is None:
        return None

    async def probe() -> str | None:
        path = await api.place(manifest)
        live = await api.get(path) if path is not None else None
        if live is None:
            return "it is not there"
        reason = judge(live)
        if reason is not None and ref.kind in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
            reason += await _pods(api, ref, live)
        return reason

    return probe


def gone(api: Requests, namespace: Manifest) -> Probe:
    """The probe of a deleted namespace: the API accepts nothing in it until all that was in it has gone, too."""

    async def probe() -> str | None:
        path = await api.place(namespace)
        live = await api.get(path) if path is not None else None
        if live is None:
            return None
        said = [
            str(one.get("message"))
            for one in (live.get("status") or {}).get("conditions") or []
            if one.get("status") == "True" and one.get("message")
        ]
        return f"it is still being deleted{': ' if said else ''}{'; '.join(said)}"

    return probe


def registered(api: Requests, node: str, version: str) -> Probe:
    """The probe of a node: registered, Ready, and with this version of the kubelet."""
    look = f"see 'journalctl -u kubelet.service' on {node}"

    async def probe() -> str | None:
        live = await api.get(nodes.path(node))
        if live is None:
            return f"it has not registered: {look}"
        status = live.get("status") or {}
        found = (status.get("nodeInfo") or {}).get("kubeletVersion")
        if version and found != version:
            return f"its kubelet has version {found}, the plan has {version}: {look}"
        return _condition(live, "Ready")

    return probe


def _condition(live: Mapping[str, Any], kind: str) -> str | None:
    for one in (live.get("status") or {}).get("conditions") or []:
        if one.get("type") == kind:
            return None if one.get("status") == "True" else f"not {kind}: {one.get('message') or one.get('reason')}"
    return f"not {kind} yet"


def _deployment(live: Mapping[str, Any]) -> str | None:
    wanted = (live.get("spec") or {}).get("replicas", 1)
    return _rolled_out(live, wanted, "updatedReplicas", "availableReplicas")


def _daemon_set(live: Mapping[str, Any]) -> str | None:
    wanted = (live.get("status") or {}).get("desiredNumberScheduled", 0)
    return _rolled_out(live, wanted, "updatedNumberScheduled", "numberAvailable")


def _stateful_set(live: Mapping[str, Any]) -> str | None:
    wanted = (live.get("spec") or {}).get("replicas", 1)
    return _rolled_out(live, wanted, "updatedReplicas", "availableReplicas")


def _rolled_out(live: Mapping[str, Any], wanted: int, updated: str, available: str) -> str | None:
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return "its controller has not seen it yet"
    for name in (updated, available):
        if status.get(name, 0) < wanted:
            return f"{status.get(name, 0)} of {wanted} pods are {'updated' if name == updated else 'available'}"
    return None


def _job(live: Mapping[str, Any]) -> str | None:
    return _condition(live, "Complete")


_JUDGES: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "CustomResourceDefinition": lambda live: _condition(live, "Established"),
    "APIService": lambda live: _condition(live, "Available"),
    "Deployment": _deployment,
    "DaemonSet": _daemon_set,
    "StatefulSet": _stateful_set,
    "Job": _job,
}


async def _pods(api: Requests, ref: Ref, live: Mapping[str, Any]) -> str:
    """Why its pods do not run, as the kubelet or the scheduler says; else the first that is not ready, with its last warning."""
    labels = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not labels:
        return ""
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    try:
        found = await api.send("GET", f"/api/v1/namespaces/{ref.namespace}/pods", labelSelector=selector)
        pods = found.get("items") or []
        reasons = sorted({reason for pod in pods if (reason := _pod(pod))})
        if not reasons and (unready := next(filter(_is_unready, pods), None)) is not None:
            reasons = [await _warning(api, unready)]
    except (ApiRefused, ApiSilent):
        return ""
    return f"; {'; '.join(reasons[:3])}" if reasons else ""


def _is_unready(pod: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and _condition(pod, "Ready") is not None


async def _warning(api: Requests, pod: Mapping[str, Any]) -> str:
    metadata, node = pod["metadata"], (pod.get("spec") or {}).get("nodeName") or "no node yet"
    selector = f"involvedObject.uid={metadata.get('uid')},type=Warning"
    found = await api.send("GET", f"/api/v1/namespaces/{metadata['namespace']}/events", fieldSelector=selector)
    last = max(found.get("items") or [{}], key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    said = f"{last['reason']}: {last.get('message', '')}" if last else str(_condition(pod, "Ready"))
    return f"pod {metadata['name']} on {node}: {said}"


def _pod(pod: Mapping[str, Any]) -> str:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for one in status.get("containerStatuses") or []:
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"pod {name}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    for one in status.get("conditions") or []:
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            return f"pod {name}: {one.get('reason')}: {one.get('message')}"
    return ""
