"""One node's row: read in one round trip, parsed from the lines that status.sh prints."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from cluster.node import paths
from cluster.node.control_plane import HEALTH
from nodestate import Connection, from_wire
from provider.errors import NodeError
from provider.ssh import SshPool

COLUMNS = ("NAME", "ROLE", "ADDRESS", "VERSION", "KUBELET", "SINCE", "READY", "ETCD", "CONTROL PLANE", "CERTIFICATE")
SCRIPT = (Path(__file__).parent / "status.sh").read_text()
VARIABLES = {
    "kubeconfig": paths.KUBECONFIG,
    "ca": paths.CA_CERTIFICATE,
    "client_certificate": paths.KUBELET_CLIENT_CERTIFICATE,
    "client_key": paths.KUBELET_CLIENT_KEY,
    "serving_certificate": paths.KUBELET_CERTIFICATE,
    "manifests": paths.MANIFESTS,
    "etcd_unit": paths.ETCD_UNIT,
    "etcd_metrics": paths.ETCD_METRICS,
    "probes": " ".join(f"{name}={endpoint.url()}" for name, endpoint in HEALTH.items()),
}


async def read_row(name: str, machine: Mapping[str, Any], pool: SshPool) -> dict[str, str]:
    """One node's row. If the node cannot be read, the reason is in the column KUBELET."""
    session = pool.session(name, from_wire(Connection, machine["connection"]))
    values = "".join(f"{key}={shlex.quote(value)}\n" for key, value in {**VARIABLES, "name": name}.items())
    row = {"NAME": name, "ROLE": str(machine["role"]), "ADDRESS": str(machine["address"])}
    try:
        printed = (await session.run("status", values + SCRIPT, hiding=())).report
    except NodeError as error:
        return {**row, "KUBELET": str(error).removeprefix(f"{name}: ")}
    return row | parse(printed, control_plane=row["ROLE"] == "control-plane")


def parse(printed: str, control_plane: bool) -> dict[str, str]:
    """The columns from the lines that status.sh printed."""
    row: dict[str, str] = {}
    days, member, pods = [], {}, {}
    for line in printed.splitlines():
        key, _, value = line.partition("\t")
        match key:
            case "version":
                row["VERSION"] = value.removeprefix("Kubernetes ")
            case "ActiveState":
                row["KUBELET"] = value
            case "ActiveEnterTimestamp":
                row["SINCE"] = " ".join(value.split()[1:3])
            case "ready":
                row["READY"] = value or "no answer"
            case "serves" | "silent":
                pods[value.removeprefix("kube-")] = key == "serves"
            case "leads" | "revision":
                member[key] = float(value)
            case "certificate":
                days.append(_days_left(value))
    if member.keys() == {"leads", "revision"}:
        row["ETCD"] = f"{'leader' if member['leads'] else 'follower'}, revision {member['revision']:.0f}"
    elif control_plane:
        row["ETCD"] = "no answer"
    if pods:
        unready = [name for name, serves in pods.items() if not serves]
        row["CONTROL PLANE"] = f"not ready: {', '.join(unready)}" if unready else "ready"
    row["CERTIFICATE"] = f"{min(days)} days left" if days else "-"
    return row


def _days_left(encoded: str) -> int:
    certificate = x509.load_pem_x509_certificate(base64.b64decode(encoded))
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def table(rows: list[dict[str, str]]) -> str:
    """The rows in aligned columns."""
    cells = [COLUMNS, *[tuple(row.get(column, "-") or "-" for column in COLUMNS) for row in rows]]
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in cells)
