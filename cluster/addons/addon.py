"""An add-on: a set of manifests that is applied and pruned as a whole."""

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
"""The kinds that a set may contain. Pruning looks for former objects of these kinds only."""


@dataclass(frozen=True)
class AddOn:
    """One set. `text` is its manifests as YAML. `rollouts` are the workloads that must be available before the set counts
    as applied, each as `<namespace>/<kind>/<name>`."""

    name: str
    revision: str
    text: str
    rollouts: tuple[str, ...] = ()


def add_on(name: str, manifests: list[Manifest]) -> AddOn:
    """The add-on of these manifests. Each object is labelled with set and revision; pruning selects former objects by them.

    Raises ValueError for a kind that pruning would not find.
    """
    for manifest in manifests:
        if manifest["kind"].lower() not in KINDS:
            raise ValueError(f"add-on {name}: kind {manifest['kind']} is not one of {', '.join(KINDS)}")
    revision = hashlib.sha256(dump_yaml(*manifests).encode()).hexdigest()[:16]
    labels = {"plumbline/set": name, "plumbline/revision": revision}
    labelled = [
        {
            **manifest,
            "metadata": {**manifest["metadata"], "labels": {**manifest["metadata"].get("labels", {}), **labels}},
        }
        for manifest in manifests
    ]
    rollouts = tuple(
        f"{manifest['metadata']['namespace']}/{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        for manifest in manifests
        if manifest["kind"] in ("Deployment", "DaemonSet")
    )
    return AddOn(name, revision, dump_yaml(*labelled), rollouts)
