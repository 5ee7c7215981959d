"""An add-on: a set of manifests that is applied and pruned as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.config.model import Cluster
from cluster.step import After, ObjectsStep

Manifest = dict[str, Any]


def add_on(cluster: Cluster, name: str, manifests: Iterable[Mapping[str, Any]], after: Iterable[After]) -> ObjectsStep:
    """The step of an add-on of this name."""
    return ObjectsStep(f"{cluster.name}-add-on-{name}", name, tuple(manifests), tuple(after))
