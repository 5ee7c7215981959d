"""Live facts of every node as a table: `pulumi stack output --show-secrets --json machines | python -m provider.status`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from provider.model import Connection, NodeError
from provider.transport import Pool

COLUMNS = ("NAME", "ROLE", "ADDRESS", "VERSION", "KUBELET", "SINCE", "HEALTH", "ETCD", "CERTIFICATE")
CERTIFICATES = ("/etc/kubernetes/pki/kubelet-client.crt", "/etc/kubernetes/pki/kubelet.crt")
SCRIPT = """
printf 'version\\t%s\\n' "$(/opt/bin/kubelet --version 2>/dev/null)"
systemctl show --property ActiveState,ActiveEnterTimestamp kubelet.service | tr = '\\t'
printf 'health\\t%s\\n' "$(curl --silent --max-time 5 http://127.0.0.1:10248/healthz)"
[ ! -e /etc/systemd/system/etcd.service ] || curl --silent --max-time 5 http://127.0.0.1:2381/metrics |
  sed -n 's/^etcd_server_is_leader /leads\\t/p; s/^etcd_debugging_mvcc_current_revision /revision\\t/p' ||
  true
for certificate in @CERTIFICATES@; do
  [ ! -r "$certificate" ] || printf 'certificate\\t%s\\n' "$(base64 -w0 <"$certificate")"
done
"""


async def look(name: str, machine: dict[str, Any], pool: Pool) -> dict[str, str]:
    """One node's row, in one round trip; a node that cannot be looked at says why in its state."""
    row = {"NAME": name, "ROLE": str(machine["role"]), "ADDRESS": str(machine["address"])}
    found = machine["connection"]
    connection = Connection(found["host"], int(found["port"]), found["user"], found["privateKey"], found["hostKey"])
    script = SCRIPT.replace("@CERTIFICATES@", " ".join(CERTIFICATES))
    try:
        printed = (await pool.node(name, connection).run("status", script)).stdout
    except NodeError as error:
        return {**row, "KUBELET": str(error).removeprefix(f"{name}: ")}
    days, member = [], {}
    for line in printed.splitlines():
        key, _, value = line.partition("\t")
        if key == "version":
            row["VERSION"] = value.removeprefix("Kubernetes ")
        elif key == "ActiveState":
            row["KUBELET"] = value
        elif key == "ActiveEnterTimestamp":
            row["SINCE"] = " ".join(value.split()[1:3])
        elif key == "health":
            row["HEALTH"] = value or "no answer"
        elif key in ("leads", "revision"):
            member[key] = float(value)
        elif key == "certificate":
            days.append(_days_left(value))
    if member.keys() == {"leads", "revision"}:
        row["ETCD"] = f"{'leader' if member['leads'] else 'follower'}, revision {member['revision']:.0f}"
    elif row["ROLE"] == "control-plane":
        row["ETCD"] = "no answer"
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
