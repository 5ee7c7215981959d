"""A set of manifests that is applied, and pruned, as a whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from cluster.rendering import dump_yaml

Manifest = dict[str, Any]
KINDS = (
    *("serviceaccount", "configmap", "service", "deployment", "daemonset", "poddisruptionbudget"),
    *("role", "rolebinding", "clusterrole", "clusterrolebinding"),
)
"""The kinds a set may contain: pruning looks for former objects among these."""


@dataclass(frozen=True)
class AddOn:
    """One set. `text` is its manifests as YAML; `rollouts` must be available before the set is:
    `<namespace>/<kind>/<name>`."""

    name: str
    revision: str
    text: str
    rollouts: tuple[str, ...] = ()


def add_on(name: str, manifests: list[Manifest]) -> AddOn:
    """The set under its name. Each object is labelled with the set and its revision, by which former objects are pruned.

    Raises ValueError for a kind that pruning would not find.
    """
    for one in manifests:
        if one["kind"].lower() not in KINDS:
            raise ValueError(f"add-on {name}: kind {one['kind']} is not one of {', '.join(KINDS)}")
    revision = hashlib.sha256(dump_yaml(*manifests).encode()).hexdigest()[:16]
    labels = {"plumbline/set": name, "plumbline/revision": revision}
    labelled = [
        {**one, "metadata": {**one["metadata"], "labels": {**one["metadata"].get("labels", {}), **labels}}}
        for one in manifests
    ]
    rollouts = tuple(
        f"{one['metadata']['namespace']}/{one['kind'].lower()}/{one['metadata']['name']}"
        for one in manifests
        if one["kind"] in ("Deployment", "DaemonSet")
    )
    return AddOn(name, revision, dump_yaml(*labelled), rollouts)
