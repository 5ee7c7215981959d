"""Live facts of every node as a table: `pulumi stack output --show-secrets --json machines | python -m status`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from provider.ssh import SshPool
from status.read import read_row, table


async def _main(as_json: bool) -> int:
    try:
        machines: dict[str, Any] = json.load(sys.stdin)
    except ValueError:
        print("status: no machines on standard input: run make up first", file=sys.stderr)
        return 1
    pool = SshPool()
    rows = await asyncio.gather(*[read_row(name, machine, pool) for name, machine in sorted(machines.items())])
    print(json.dumps(rows) if as_json else table(list(rows)))
    return 0 if all(row.get("KUBELET") == "active" for row in rows) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m status", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    sys.exit(asyncio.run(_main(parser.parse_args().json)))
