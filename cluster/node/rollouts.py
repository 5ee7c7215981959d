"""The rollout groups: which nodes must not be disrupted at the same time.

The components of one node share its slot, so two control-plane nodes are never disrupted at once, whichever components change.
"""

from __future__ import annotations

from cluster.config.model import Cluster, Node, Role
from nodestate import Rollout

CONTROL_PLANE = "control-plane"
WORKERS = "workers"


def rollout(cluster: Cluster, node: Node, health_check: str | None = None) -> Rollout:
    """The group of a node: control-plane nodes one at a time, in configured order; workers as `rollout` configures.

    Workers are no `members`: a list of them would change every worker's state when one is added.
    """
    if node.role is Role.CONTROL_PLANE:
        members = tuple(member.name for member in cluster.control_plane_nodes())
        return Rollout(CONTROL_PLANE, health_check, members=members)
    settings = cluster.rollout
    return Rollout(WORKERS, health_check, settings.max_unavailable, settings.canaries)
