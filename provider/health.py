"""The checks of a rollout group, run on one of its nodes."""

from __future__ import annotations

from dataclasses import dataclass

from nodestate import NodeStateInputs
from provider.engine import Log
from provider.errors import NodeError
from provider.remote.shell import UPTIME, check_script, quoted
from provider.ssh import SshSession

RECOVERY_SECONDS = 120
"""How long the group gets to pass its health check after a change, after the node's own readiness."""


@dataclass(frozen=True)
class Moment:
    """When a check runs, for how long it may fail, and what follows if it still does."""

    when: str
    seconds: int
    consequence: str
    operation: str = "health-check"


BEFORE = Moment("before the change", 15, "nothing was changed on this node")
AFTER = Moment("after the change", RECOVERY_SECONDS, "the rollout stops here")
PREVIEWED = Moment(
    "ahead of the change", 15, "the update would be refused. First bring back the missing nodes", "preview-check"
)


async def check(node: SshSession, command: str | None, wanted: NodeStateInputs, moment: Moment, log: Log) -> None:
    """Runs the command until it succeeds, for at most the moment's seconds. Raises NodeError with its last output."""
    if command is None or wanted.rollout is None:
        return
    group = wanted.rollout.group
    await log(f"{node.name}: checking rollout group {group} {moment.when}", ephemeral=True)
    script = (
        f"{UPTIME}end=$(($(uptime_seconds) + {moment.seconds}))\n"
        f"until said=$(timeout 30 sh -c {quoted(command)} 2>&1); do\n"
        '  [ "$(uptime_seconds)" -lt "$end" ] || { printf "%s\\n" "$said" >&2; exit 1; }\n'
        "  sleep 1\n"
        "done\n"
    )
    done = await node.run(moment.operation, check_script(script), hiding=[wanted], seconds=moment.seconds + 60)
    if done.status != 0:
        raise NodeError(
            f"{node.name}: rollout group {group} is unhealthy {moment.when}; {moment.consequence}: {done.failure}"
        )
