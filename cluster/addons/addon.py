"""An add-on: a set of manifests that is applied and pruned as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.config.model import Cluster
from cluster.step import After, ObjectsStep

Manifest = dict[str, Any]
DNS = "dns"


def users_add_ons(cluster: Cluster, first: After, nodes: Iterable[After], dns: str) -> list[ObjectsStep]:
    """The steps of the configured add-ons: after all `nodes`, or if nodes need them, after `first`; and after those they name."""
    steps = {DNS: dns, **{one.name: step_name(cluster, one.name) for one in cluster.add_ons}}
    whole = tuple(nodes)
    return [
        add_on(
            cluster,
            one.name,
            one.objects,
            [
                *((first,) if one.before_nodes else whole),
                *(After(steps[other], f"addOns.{one.name}.after names it") for other in one.after),
            ],
            one.wait,
        )
        for one in cluster.add_ons
    ]


def step_name(cluster: Cluster, name: str) -> str:
    """The name of an add-on's step."""
    return f"{cluster.name}-add-on-{name}"


def add_on(
    cluster: Cluster, name: str, manifests: Iterable[Mapping[str, Any]], after: Iterable[After], wait: int = 300
) -> ObjectsStep:
    """The step of an add-on of this name. Its workloads get `wait` seconds to roll out; 0: they are not waited for."""
    return ObjectsStep(step_name(cluster, name), name, tuple(manifests), tuple(after), wait)
