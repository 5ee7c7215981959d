"""When the nodes and the system's pods became ready, as the API tells it. The API's times are whole seconds, rounded down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SYSTEM = "kube-system"


@dataclass(frozen=True)
class Readiness:
    """When each node was created and when it became Ready, and the same of the pods, in seconds since 1970.

    None for what is not Ready. Pods are those of the namespace kube-system.
    """

    created: Mapping[str, float]
    nodes: Mapping[str, float | None]
    pods: Mapping[str, float | None]

    def waits_for(self, nodes: Iterable[str], pods: Mapping[str, int]) -> list[str]:
        """Names all that is missing or not Ready: of the named nodes, and of so many pods by the beginning of their names."""
        waiting = [f"node {name}" for name in nodes if self.nodes.get(name) is None]
        waiting += [f"pod {name}" for name, at in self.pods.items() if at is None]
        for begins, number in pods.items():
            found = sum(name.startswith(begins) for name in self.pods)
            if found < number:
                waiting.append(f"{number - found} more pods {begins}")
        return waiting


def document(printed: str) -> dict[str, Any]:
    """The JSON object in the output of a command, which may print warnings around it. Raises ValueError."""
    found = json.JSONDecoder().raw_decode(printed, printed.index("{"))[0]
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def readiness(listed: Mapping[str, Any]) -> Readiness:
    """Reads a list of nodes and pods."""
    nodes = [one for one in listed["items"] if one["kind"] == "Node"]
    pods = [
        one
        for one in listed["items"]
        if one["kind"] == "Pod" and one["metadata"]["namespace"] == SYSTEM and one["status"].get("phase") != "Succeeded"
    ]
    return Readiness(
        created={_name(one): _seconds(one["metadata"]["creationTimestamp"]) for one in nodes},
        nodes={_name(one): _ready(one) for one in nodes},
        pods={_name(one): _ready(one) for one in pods},
    )


def _name(item: Mapping[str, Any]) -> str:
    return str(item["metadata"]["name"])


def _ready(item: Mapping[str, Any]) -> float | None:
    for condition in item["status"].get("conditions", ()):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return _seconds(condition["lastTransitionTime"])
    return None


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
