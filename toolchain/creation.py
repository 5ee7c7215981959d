"""The first creation of a stack with many nodes.

The engine writes the whole state after each step, so that the creation of twice as many nodes takes four times as long. It has a
switch to write it at the end only. With that, a killed run loses what it has created: certificates and node states, which the next
run finds again or makes again, but also the CAs' keys. So another run creates these before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from builder.errors import UserError
from toolchain.environment import environment

MANY = 16
"""With fewer nodes, the writes take seconds."""

SWITCH = "PULUMI_SKIP_CHECKPOINTS"

KEYS = (
    "**::plumbline:index:KubernetesCluster::*",
    "**$plumbline:index:CertificateAuthority**",
    "**-control-plane-service-account-key",
    "**-control-plane-encryption-key",
)
"""The resources whose loss would be that of the cluster, as the engine's targets."""


def prepare(project: Path, stack: str) -> dict[str, str]:
    """Create the keys of a stack with MANY existing hosts or more and without any node state yet. Return the variables for the
    run that creates the rest; none for any other stack.

    A libvirt stack has none: a killed run would lose the VMs that it has created. Raises UserError if the engine fails.
    """
    if not _is_large(json.loads(_run(project, "config", "--stack", stack, "--json"))):
        return {}
    state = json.loads(_run(project, "stack", "export", "--stack", stack))
    types = {one["type"] for one in (state.get("deployment") or {}).get("resources") or ()}
    if "plumbline:index:NodeState" in types:
        return {}
    if "plumbline:index:CertificateAuthority" not in types:
        print("toolchain: creating the keys of the CAs before all else", file=sys.stderr, flush=True)
        _run(project, "up", "--yes", "--skip-preview", "--stack", stack, *(f"--target={one}" for one in KEYS))
    return {SWITCH: "true"}


def _is_large(config: dict[str, Any]) -> bool:
    """Whether a stack's configuration has MANY existing hosts or more."""

    def section(name: str) -> Any:
        value = config.get(f"plumbline:{name}", {})
        return value.get("objectValue") or json.loads(value.get("value") or "{}")

    return section("machines").get("source") == "existing" and len(section("nodes")) >= MANY


def _run(project: Path, *words: str) -> str:
    """The output of a command of the engine."""
    done = subprocess.run(
        ["pulumi", "--non-interactive", "--color", "never", *words],
        cwd=project,
        env={**os.environ, **environment(project)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise UserError(f"`pulumi {words[0]}` failed:\n{(done.stderr or done.stdout)[-3000:]}")
    return done.stdout
