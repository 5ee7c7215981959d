"""The rollout section: how many workers are disrupted at a time."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config.declare import key


@dataclass(frozen=True, kw_only=True)
class WorkerRollout:
    """Disruptive changes of workers: restarts of the kubelet or the container runtime. Pods keep running. Control-plane
    nodes are always changed one at a time, etcd and API server together."""

    max_unavailable: int = key(
        1,
        1,
        1000,
        doc="Workers disrupted at a time, after the canaries. A tenth of the workers suits a large cluster.",
    )
    canaries: int = key(
        1, 0, 100, doc="Workers that must be ready again, one after another, before others are disrupted together."
    )
