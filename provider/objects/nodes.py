"""Node objects: the kubelet registers them, and controllers write to them. Only labels and taints of the program are ours.

A server-side apply does not do here: it would create a node that has not registered, it keeps a label of which the kubelet
is a manager, too, and the list of taints has one manager only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provider.objects.connection import MERGE, ApiRefused
from provider.objects.fields import MANAGER
from provider.objects.manifest import Manifest, Ref
from provider.objects.plan import FieldChange, field_changes
from provider.objects.servers import Requests

TRIES = 5
"""How often a patch is made again because the object has changed in between."""


@dataclass(frozen=True)
class Marks:
    """Labels of a node, and its taints: their values by `<key>:<effect>`."""

    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Marks:
        """The marks in inputs, or in a stored state."""
        return cls(dict(data.get("labels") or {}), dict(data.get("taints") or {}))

    def manifest(self, node: str) -> Manifest:
        """The marks as the fields of the node's object; each taint is a field."""
        return {"metadata": {"name": node, "labels": dict(self.labels)}, "spec": {"taints": dict(self.taints)}}


def path(node: str) -> str:
    """The path of a node's object."""
    return f"/api/v1/nodes/{node}"


def ref(node: str) -> Ref:
    """The identity of a node's object."""
    return Ref("Node", "", "", node)


def found(live: Mapping[str, Any], *known: Marks) -> Marks:
    """The labels and taints of a live node, of those that are known."""
    labels = dict(live["metadata"].get("labels") or {})
    taints = {_key(one): str(one.get("value") or "") for one in _taints(live)}
    return Marks(
        {key: value for key, value in labels.items() if any(key in one.labels for one in known)},
        {key: value for key, value in taints.items() if any(key in one.taints for one in known)},
    )


def changes(node: str, live: Mapping[str, Any], wanted: Marks, former: Marks) -> tuple[FieldChange, ...]:
    """The labels and taints that change. Those of `former` that are not wanted any more are removed."""
    manifest = wanted.manifest(node)
    return field_changes(ref(node), found(live, wanted, former).manifest(node), manifest, manifest)


async def patch(api: Requests, node: str, wanted: Marks, former: Marks) -> None:
    """Sets the wanted labels and taints, removes those that the program had before, and leaves all others alone.

    Raises NodeError.
    """
    for attempt in range(TRIES):
        live = await api.send("GET", path(node))
        body = {
            "metadata": {
                # The taints are one list: nobody else may have changed it in between.
                "resourceVersion": live["metadata"]["resourceVersion"],
                "labels": {**dict.fromkeys(former.labels), **wanted.labels},
            },
            "spec": {"taints": _merged(live, wanted, former)},
        }
        try:
            await api.send("PATCH", path(node), body, content_type=MERGE, fieldManager=MANAGER)
        except ApiRefused as error:
            if error.code != 409 or attempt == TRIES - 1:
                raise
        else:
            return


def _merged(live: Mapping[str, Any], wanted: Marks, former: Marks) -> list[dict[str, Any]]:
    ours = {**former.taints, **wanted.taints}
    mine: list[dict[str, Any]] = []
    for text, value in wanted.taints.items():
        key, _, effect = text.rpartition(":")
        mine.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    return [*[one for one in _taints(live) if _key(one) not in ours], *mine]


def _taints(live: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((live.get("spec") or {}).get("taints") or [])


def _key(taint: Mapping[str, Any]) -> str:
    """A node has one taint of each key and effect."""
    return f"{taint['key']}:{taint['effect']}"
