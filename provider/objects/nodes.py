"""Node objects: the kubelet registers them, and controllers write to them. Only labels and taints of the program are ours.

A server-side apply does not do here: it would create a node that has not registered, it keeps a label of which the kubelet
is a manager, too, and the list of taints has one manager only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provider.objects.connection import MERGE, ApiRefused
from provider.objects.fields import MANAGER
from provider.objects.manifest import Manifest, Ref
from provider.objects.servers import Requests

TRIES = 5
"""How often a patch is made again because the object has changed in between."""


def is_node(ref: Ref) -> bool:
    """Whether it is a Node."""
    return (ref.kind, ref.group) == ("Node", "")


def path(ref: Ref) -> str:
    """The path of a node's object."""
    return f"/api/v1/nodes/{ref.name}"


def taint_key(taint: Mapping[str, Any]) -> str:
    """A node has one taint of each key and effect."""
    return f"{taint['key']}:{taint['effect']}"


def manifest(name: str, labels: Mapping[str, str], taints: list[dict[str, str]]) -> Manifest:
    """Labels and taints of a node. The taints are a map here, by key and effect."""
    spec = {"taints": {taint_key(one): one.get("value", "") for one in taints}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": dict(labels)}, "spec": spec}


def _taints(one: Mapping[str, Any]) -> dict[str, str]:
    return dict((one.get("spec") or {}).get("taints") or {})


def _labels(one: Mapping[str, Any]) -> dict[str, str]:
    return dict(one["metadata"].get("labels") or {})


def part(live: Mapping[str, Any], wanted: Manifest, former: Manifest | None = None) -> Manifest:
    """What a live node has of the labels and taints that are wanted, or were before, as a manifest."""
    found = {taint_key(one): str(one.get("value") or "") for one in (live.get("spec") or {}).get("taints") or []}
    known = [wanted, *([former] if former is not None else [])]
    labels = {key: value for key, value in _labels(live).items() if any(key in _labels(one) for one in known)}
    taints = {key: value for key, value in found.items() if any(key in _taints(one) for one in known)}
    return {**wanted, "metadata": {**wanted["metadata"], "labels": labels}, "spec": {"taints": taints}}


async def patch(api: Requests, ref: Ref, wanted: Manifest, former: Manifest | None) -> None:
    """Sets the wanted labels and taints, removes those that the program had before, and leaves all others alone.

    Raises NodeError.
    """
    for attempt in range(TRIES):
        live = await api.send("GET", path(ref))
        gone = set(_labels(former) if former is not None else ()) - set(_labels(wanted))
        body = {
            "metadata": {
                # The taints are one list: nobody else may have changed it in between.
                "resourceVersion": live["metadata"]["resourceVersion"],
                "labels": {**_labels(wanted), **dict.fromkeys(gone)},
            },
            "spec": {"taints": _merged(live, wanted, former)},
        }
        try:
            await api.send("PATCH", path(ref), body, content_type=MERGE, fieldManager=MANAGER)
        except ApiRefused as error:
            if error.code != 409 or attempt == TRIES - 1:
                raise
        else:
            return


def _merged(live: Mapping[str, Any], wanted: Manifest, former: Manifest | None) -> list[dict[str, Any]]:
    ours = {**(_taints(former) if former is not None else {}), **_taints(wanted)}
    others = [one for one in (live.get("spec") or {}).get("taints") or [] if taint_key(one) not in ours]
    mine: list[dict[str, Any]] = []
    for text, value in _taints(wanted).items():
        key, _, effect = text.rpartition(":")
        mine.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    return others + mine
