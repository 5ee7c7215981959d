"""Live facts of every node as a table: `pulumi stack output --show-secrets --json machines | python -m provider.status`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from provider.model import Connection, NodeError
from provider.transport import Pool

COLUMNS = ("NAME", "ROLE", "ADDRESS", "VERSION", "KUBELET", "SINCE", "READY", "ETCD", "CONTROL PLANE", "CERTIFICATE")
SCRIPT = (Path(__file__).parent / "node" / "status.sh").read_text()


async def look(name: str, machine: dict[str, Any], pool: Pool) -> dict[str, str]:
    """One node's row, in one round trip; a node that cannot be looked at says why in its state."""
    row = {"NAME": name, "ROLE": str(machine["role"]), "ADDRESS": str(machine["address"])}
    found = machine["connection"]
    connection = Connection(found["host"], int(found["port"]), found["user"], found["privateKey"], found["hostKey"])
    script = f"name={shlex.quote(name)}\n{SCRIPT}"
    try:
        printed = (await pool.node(name, connection).run("status", script)).stdout
    except NodeError as error:
        return {**row, "KUBELET": str(error).removeprefix(f"{name}: ")}
    days, member, pods = [], {}, {}
    for line in printed.splitlines():
        key, _, value = line.partition("\t")
        if key == "version":
            row["VERSION"] = value.removeprefix("Kubernetes ")
        elif key == "ActiveState":
            row["KUBELET"] = value
        elif key == "ActiveEnterTimestamp":
            row["SINCE"] = " ".join(value.split()[1:3])
        elif key == "ready":
            row["READY"] = value or "no answer"
        elif key in ("serves", "silent"):
            pods[value.removeprefix("kube-")] = key == "serves"
        elif key in ("leads", "revision"):
            member[key] = float(value)
        elif key == "certificate":
            days.append(_days_left(value))
    if member.keys() == {"leads", "revision"}:
        row["ETCD"] = f"{'leader' if member['leads'] else 'follower'}, revision {member['revision']:.0f}"
    elif row["ROLE"] == "control-plane":
        row["ETCD"] = "no answer"
    if pods:
        unready = [one for one, serves in pods.items() if not serves]
        row["CONTROL PLANE"] = f"not ready: {', '.join(unready)}" if unready else "ready"
    row["CERTIFICATE"] = f"{min(days)} days left" if days else "-"
    return row


def _days_left(encoded: str) -> int:
    certificate = x509.load_pem_x509_certificate(base64.b64decode(encoded))
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def table(rows: list[dict[str, str]]) -> str:
    """The rows in columns as wide as what stands in them."""
    cells = [COLUMNS, *[tuple(row.get(column, "-") or "-" for column in COLUMNS) for row in rows]]
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in cells)


async def _main(as_json: bool) -> int:
    try:
        machines: dict[str, Any] = json.load(sys.stdin)
    except ValueError:
        print("status: no machines on standard input: has the stack been brought up?", file=sys.stderr)
        return 1
    pool = Pool()
    rows = await asyncio.gather(*[look(name, machine, pool) for name, machine in sorted(machines.items())])
    print(json.dumps(rows) if as_json else table(list(rows)))
    return 0 if all(row.get("KUBELET") == "active" for row in rows) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m provider.status", description=__doc__)
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    sys.exit(asyncio.run(_main(parser.parse_args().json)))
