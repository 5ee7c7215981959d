"""Posts the plan of a stack as one comment of a pull request, or updates it: `python -m ci.comment`.

The token is in the environment (PLUMBLINE_TOKEN). A preview that printed no plan is a comment, too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ci.body import limited, own
from ci.forge import Forge, GitHub, NotInPipeline, forge
from ci.http import ApiError
from report import data, markdown
from report.model import Report

MOST_BYTES = 20_000_000
"""Of a report that a pull request's own code has written."""

FORK = """> **Not verified.** The pull request's own code printed this plan in a job without secrets, against a copy of the state without
> secrets. Read its changes, too.
"""


class NoReport(Exception):
    """The file is no report of this stack."""


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """The command line: 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m ci.comment", description=__doc__)
    parser.add_argument("--stack", required=True, help="name of the stack: one comment for each")
    parser.add_argument("--report", required=True, type=Path, help="the plan in JSON, as report.run --json wrote it")
    parser.add_argument("--commit", default="", help="the commit that was previewed")
    parser.add_argument("--page", default="", help="address of the run with the artifacts, if it is another one")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--change", type=int, help="number of the pull request")
    where.add_argument("--fork", metavar="OWNER/NAME", help="the fork whose branch --branch is at --commit")
    parser.add_argument("--branch", default="", help="for --fork: its branch")
    chosen = parser.parse_args(arguments)
    stack = chosen.stack.rpartition("/")[2]
    try:
        here = forge(environment)
        page = chosen.page or here.page
        body = text(stack, chosen.report, page, untrusted=chosen.fork is not None)
        foot = _foot(chosen.commit, page)
        changes = [chosen.change] if chosen.fork is None else _changes(here, chosen)
        for change in changes:
            print(f"plumbline: comment of {stack} on {change}: {post(here, change, stack, body, foot)}")
        if not changes:
            print(f"plumbline: no open pull request has {chosen.fork} at {chosen.commit}")
    except (ApiError, NotInPipeline, NoReport) as error:
        print(f"plumbline: {error}", file=sys.stderr)
        return 1
    return 0


def _changes(here: GitHub | Any, chosen: argparse.Namespace) -> list[int]:
    if not isinstance(here, GitHub):
        raise NotInPipeline("--fork is for GitHub Actions only")
    return here.changes_from(chosen.fork, chosen.branch, chosen.commit)


def post(here: Forge, change: int, stack: str, body: str, foot: str) -> str:
    """Posts or updates the comment of a stack. Returns `posted` or `updated`. Raises ApiError."""
    whole = limited(body, here.most, foot)
    found = own(here.notes(change), here.author, markdown.mark("report", stack))
    if found is None:
        here.add_note(change, whole)
        return "posted"
    here.edit_note(change, found.number, whole)
    return "updated"


def text(stack: str, file: Path, page: str, untrusted: bool = False) -> str:
    """The comment without its foot. Raises NoReport if the file is not about this stack."""
    report = _load(stack, file, untrusted)
    if report is None:
        return (
            f"{markdown.mark('report', stack)}\n**{markdown.plain(stack)}: the preview failed**\n\n"
            f"It ended before there was a plan: see [the log]({page}).\n"
        )
    body = markdown.render(report)
    first, _, rest = body.partition("\n")
    return f"{first}\n{FORK}\n{rest}" if untrusted else body


def _load(stack: str, file: Path, untrusted: bool) -> Report | None:
    if not file.exists():
        return None
    if untrusted and file.stat().st_size > MOST_BYTES:
        raise NoReport(f"{file} is larger than {MOST_BYTES} bytes")
    try:
        printed = file.read_text()
        report = data.from_json(json.dumps(_clean(json.loads(printed))) if untrusted else printed)
        # Values of another type show here.
        markdown.render(report)
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise NoReport(f"{file} is no report: {type(error).__name__}") from None
    if report.stack != stack:
        raise NoReport(f"{file} is a report of another stack than {stack}")
    return report


def _clean(value: Any) -> Any:
    """The data without line breaks and control characters in any text: they could end a table or a quote."""
    if isinstance(value, str):
        return "".join(one if one.isprintable() or one == "\t" else " " for one in value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def _foot(commit: str, page: str) -> str:
    of = f"Plan of commit {markdown.plain(commit[:12])}. " if commit else ""
    return f"\n{of}[Page and JSON, as artifacts]({page})\n"


if __name__ == "__main__":
    sys.exit(main())
