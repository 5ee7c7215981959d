"""Short digests of what was found on a node, by which the engine binds an approved plan to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any

from nodestate import NodeStateInputs, Secret, to_wire
from nodestate.secret import known_text
from nodestate.wire import map_leaves
from provider.observed import Observed
from provider.plan import Plan, disruptive

WIDER = "PLUMBLINE_BIND"
"""The environment variable: with `all`, every plan that changes something is bound, not only a disruptive one."""

ABSENT = "absent"
VOLATILE = ("restarts", "entries")
"""Facts that change while nobody changes the node."""


def observed_input(found: Observed, wanted: NodeStateInputs, plan: Plan) -> dict[str, str]:
    """The input `observed`: by path, `unit NAME` or `probe NAME`, a digest of what was found of each thing that the plan
    changes; empty if the plan binds nothing.

    A saved plan holds it, so `pulumi up --plan` refuses a node on which one of these things changed since. The digest is
    keyed with secrets (`_key`): a secret cannot be guessed from it.
    """
    if not (disruptive(plan) or (os.environ.get(WIDER) == "all" and not plan.empty)):
        return {}
    key = _key(wanted)
    things: dict[str, Any] = {one.path: found.files.get(one.path) for one in plan.files}
    things |= {one.path: found.directories.get(one.path) for one in plan.directories}
    things |= {f"unit {name}": found.units.get(name) for name in (*plan.settings, *(one.unit for one in plan.steps))}
    things |= {f"probe {one.name}": one.found for one in plan.probes}
    things |= {one.path: "foreign" for one in plan.aside}
    if found.machine is not None:
        things["/etc/machine-id"] = found.machine
    return {name: _digest(key, name, thing) for name, thing in sorted(things.items())}


def _key(wanted: NodeStateInputs) -> bytes:
    """The node's login key; with an agent, which shows none, all secret files together: private keys are among them."""
    if wanted.connection.private_key is not None:
        return wanted.connection.private_key.reveal().encode()
    secrets = [one.content for _, one in sorted(wanted.files.items()) if isinstance(one.content, Secret)]
    return "\0".join(one.reveal() for one in secrets if one.known).encode() or wanted.connection.host.encode()


def _digest(key: bytes, name: str, thing: Any) -> str:
    if thing is None:
        return ABSENT
    data = thing if isinstance(thing, str) else {key: one for key, one in to_wire(thing).items() if key not in VOLATILE}
    text = json.dumps([name, map_leaves(data, _plain)], sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:12]


def _plain(leaf: Any) -> Any:
    return leaf if isinstance(leaf, bool | int | str | None) else known_text(leaf)
