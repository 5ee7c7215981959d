"""Opens the one issue of a stack's drift, updates it, and closes it when there is none: `python -m ci.drift_issue`.

It reads the two files of `report.watch`. Drift opens an issue. A check that failed, or did not look at every node, opens and
closes none. The token is in the environment (PLUMBLINE_TOKEN).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci.body import limited, own
from ci.forge import Forge, NotInPipeline, forge
from ci.http import ApiError
from report.drift import CLEAN, DRIFT
from report.markdown import mark


class NoResult(Exception):
    """The files of the check are missing, or about another stack."""


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """The command line: 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ci.drift_issue", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the stack: one issue for each")
    parser.add_argument("--json", required=True, type=Path, help="what report.watch --json wrote")
    parser.add_argument("--markdown", required=True, type=Path, help="what report.watch --markdown wrote")
    chosen = parser.parse_args(arguments)
    stack = chosen.stack.rpartition("/")[2]
    try:
        here = forge(environment)
        status, body = _read(stack, chosen.json, chosen.markdown)
        print(f"plumbline: issue of drift on {stack}: {settle(here, stack, status, body)}")
    except (ApiError, NotInPipeline, NoResult) as error:
        print(f"plumbline: {error}", file=sys.stderr)
        return 1
    return 0


def settle(here: Forge, stack: str, status: int, body: str) -> str:
    """Brings the issue to the state of the check. Returns `opened`, `updated`, `closed` or `none`. Raises ApiError."""
    whole = limited(body, here.most, f"\n[The check]({here.page})\n")
    found = own(here.issues(), here.author, mark("drift", stack))
    if found is None:
        if status != DRIFT:
            return "none"
        here.open_issue(f"Drift on {stack}", whole)
        return "opened"
    if status == CLEAN:
        here.close_issue(found.number, f"No drift any more: [the check]({here.page})")
        return "closed"
    here.edit_issue(found.number, whole)
    return "updated"


def _read(stack: str, result: Path, body: Path) -> tuple[int, str]:
    try:
        data, text = json.loads(result.read_text()), body.read_text()
    except (OSError, ValueError) as error:
        raise NoResult(f"the check left no result: {error}") from None
    if data.get("stack") != stack:
        raise NoResult(f"{result} is about another stack than {stack}")
    return int(data["status"]), text


if __name__ == "__main__":
    sys.exit(main())
