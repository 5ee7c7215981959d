"""The report of an event log: `python -m report EVENTLOG --format terminal|json|markdown|html`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TextIO

from report import data, html, markdown
from report.events import NotEvents, Stream, read
from report.happened import combined, compare
from report.model import Report
from report.terminal import WIDTH, Terminal

OVER_BUDGET = 4
"""Exit status if a plan exceeds its budget."""

FORMATS = {"json": data.to_json, "markdown": markdown.render, "html": html.render}


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0; 1 if a file cannot be read; OVER_BUDGET."""
    parser = argparse.ArgumentParser(prog="python -m report", description=__doc__)
    parser.add_argument("events", help="event log, - for standard input; or a report in JSON, to render it again")
    parser.add_argument(
        "--update", help="event log of the update that followed, if the first one holds the preview only"
    )
    parser.add_argument("--format", choices=("terminal", *FORMATS), default="terminal")
    parser.add_argument("--output", type=Path, help="write to this file instead of printing")
    chosen = parser.parse_args(arguments)
    try:
        report = load(chosen.events)
        if chosen.update is not None:
            report = compare(report, _streams(chosen.update)[-1])
    except (OSError, ValueError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    text = rendered(report, chosen.format, to_terminal=chosen.output is None and sys.stdout.isatty())
    if chosen.output is None:
        sys.stdout.write(text)
    else:
        chosen.output.write_text(text)
    return exit_status(report)


def exit_status(report: Report) -> int:
    """OVER_BUDGET if the plan exceeds its budget and nobody has overridden that, otherwise 0."""
    exceeded = report.budget is not None and report.budget.excess and not report.budget.overridden
    return OVER_BUDGET if exceeded and report.happened is None else 0


def load(name: str | Path) -> Report:
    """The report of an event log, or of a report in JSON. Raises OSError and ValueError."""
    with _opened(name) as lines:
        first = next(lines, "")
        if first.rstrip() == "{":
            return data.from_json(first + lines.read())
        return combined(_read(name, chain([first], lines)))


def _streams(name: str) -> list[Stream]:
    with _opened(name) as lines:
        return _read(name, lines)


def _read(name: str | Path, lines: Iterable[str]) -> list[Stream]:
    try:
        return read(lines)
    except NotEvents as error:
        raise NotEvents(f"{name}: {error}") from None


def _opened(name: str | Path) -> TextIO:
    return sys.stdin if name == "-" else Path(name).open()


def rendered(report: Report, form: str, to_terminal: bool = False, outcome: bool = False) -> str:
    """The report in one of the formats; with `outcome`, the terminal text of what happened alone."""
    if form in FORMATS:
        return FORMATS[form](report)
    width = max(60, shutil.get_terminal_size((WIDTH, 24)).columns) if to_terminal else WIDTH
    terminal = Terminal(width, color=to_terminal and "NO_COLOR" not in os.environ)
    return terminal.outcome(report) if outcome else terminal.render(report)


if __name__ == "__main__":
    sys.exit(main())
