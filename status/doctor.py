"""The preflight of every host of a stack as a table: `python -m status.doctor STACK`, before the first `pulumi up` or later.

Existing hosts are reached as Pulumi.STACK.yaml says; the VMs of a stack by its output `machines`, on standard input. Secrets of
the configuration are read from there, too: what `pulumi config --json --show-secrets` prints.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster import preflight
from cluster.config.load import ConfigError, load_config
from cluster.config.model import Cluster, ExistingHosts
from cluster.config.stack_file import PREFIX, parsed, stack_values
from cluster.machine import existing
from nodestate import Connection, from_wire
from provider.preflight import FAIL, OK, Finding, Result, Target, examine
from provider.ssh import SshPool

COLUMNS = ("NODE", "CHECK", "FOUND", "NEEDED", "OK, OR REMEDY")


def load(project: Path, stack: str, decrypted: Mapping[str, Any]) -> Cluster:
    """The stack's validated configuration. `decrypted` is what `pulumi config --json --show-secrets` prints; without it, the
    stack's file is read. Raises ConfigError, OSError if there is no such stack."""
    values = stack_values(project / f"Pulumi.{stack}.yaml")
    shown = {key.removeprefix(PREFIX): one for key, one in decrypted.items() if key.startswith(PREFIX)}
    values |= {key: one.get("objectValue", parsed(one.get("value"))) for key, one in shown.items()}
    secrets = [key for key, one in shown.items() if one.get("secret")]
    return load_config(values, project, secrets=secrets if decrypted else None)


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON objects in a text, one after another. Raises ValueError."""
    found, rest = [], text.strip()
    while rest:
        one, end = json.JSONDecoder().raw_decode(rest)
        found.append(one)
        rest = rest[end:].strip()
    return found


def targets(cluster: Cluster, machines: Mapping[str, Any]) -> dict[str, Target]:
    """The hosts, with what each needs. `machines` is the stack's output; a VM that is not in it does not exist yet."""
    found = {}
    for node in cluster.nodes:
        needed = preflight.host_check(cluster, node)
        if isinstance(cluster.machines, ExistingHosts):
            connection = existing.connection(node, cluster.machines.hosts[node.name])
        elif node.name in machines:
            connection = from_wire(Connection, machines[node.name]["connection"])
        else:
            continue
        found[node.name] = Target(connection, str(node.address), needed.variables, needed.dialled)
    return found


def table(result: Result) -> str:
    """The findings in aligned columns, those to act on marked with their remedy, and a summary below them."""
    cells = [COLUMNS, *[_row(one) for one in result.findings]]
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS) - 1)]
    lines = [
        "  ".join([*[cell.ljust(width) for cell, width in zip(line, widths, strict=False)], line[-1]]).rstrip()
        for line in cells
    ]
    bad = [one for one in result.findings if one.status == FAIL]
    nodes = sorted({one.node for one in bad})
    lines.append(f"{len(bad)} to fix on {', '.join(nodes)}" if bad else "nothing is missing")
    return "\n".join(lines)


def _row(one: Finding) -> tuple[str, ...]:
    outcome = OK if one.status == OK else f"{'' if one.status == FAIL else 'warning: '}{one.remedy}"
    return one.node, one.check, one.found, one.needed, outcome


async def _examine(hosts: Mapping[str, Target]) -> Result:
    pool = SshPool()
    try:
        return await examine(hosts, preflight.script(), pool)
    finally:
        await pool.close()


def _given(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The output `machines` and the decrypted configuration from standard input; {} for what is not there."""
    try:
        found = documents(text)
    except ValueError:
        found = []
    known: dict[str, Any] = next((one for one in found if not any(key.startswith(PREFIX) for key in one)), {})
    return known, next((one for one in found if any(key.startswith(PREFIX) for key in one)), {})


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns 1 if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m status.doctor", description=__doc__)
    parser.add_argument("stack", help="a stack with a file Pulumi.<stack>.yaml")
    stack = parser.parse_args(arguments).stack
    known: dict[str, Any] = {}
    decrypted: dict[str, Any] = {}
    try:
        if "secure:" in (Path.cwd() / f"Pulumi.{stack}.yaml").read_text():
            known, decrypted = _given(sys.stdin.read())
        cluster = load(Path.cwd(), stack, decrypted)
    except ConfigError as error:
        print("\n".join(f"Pulumi.{stack}.yaml: {one}" for one in error.errors), file=sys.stderr)
        return 1
    except OSError as error:
        print(f"stack {stack}: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    if not isinstance(cluster.machines, ExistingHosts) and not known:
        known, _ = _given(sys.stdin.read())
        if not known:
            print(f"stack {stack}: its VMs are created by the first `pulumi up`, which checks them", file=sys.stderr)
            return 1
    result = asyncio.run(_examine(targets(cluster, known)))
    print(table(result))
    return int(any(one.status == FAIL for one in result.findings))


if __name__ == "__main__":
    sys.exit(main())
