"""The drift check: `python -m report.watch [options] -- pulumi preview`. It reads the nodes and changes nothing.

Exit status: 0 no drift, 2 drift that is not accepted, 3 nodes that were not looked at, 1 an error.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from report import drift_formats
from report.build import build
from report.drift import ERROR, judge
from report.run import run_logged


def main(arguments: list[str] | None = None, now: datetime | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m report.watch", description=__doc__)
    parser.add_argument("--log", type=Path, default=Path(".lab/drift.log"), help="file for the engine's own output")
    parser.add_argument("--json", type=Path, help="write JSON to this file")
    parser.add_argument("--markdown", type=Path, help="write the text of an issue to this file")
    parser.add_argument(
        "--metrics", type=Path, help="write metrics for node_exporter's textfile collector to this file"
    )
    parser.add_argument("command", nargs="+", help="the command, after --")
    chosen = parser.parse_args(arguments)
    status, streams = run_logged(chosen.command, chosen.log)
    if not streams:
        return ERROR
    report = build(streams[0])
    failed = status != 0 or report.result != "succeeded"
    found = judge(report, streams[0].policy, now or datetime.now(UTC), failed)
    sys.stdout.write(drift_formats.text(found))
    for file, text in (
        (chosen.json, drift_formats.to_json(found)),
        (chosen.markdown, drift_formats.issue(found)),
        (chosen.metrics, drift_formats.metrics(found, report)),
    ):
        if file is not None:
            _replace(file, text)
    return found.status


def _replace(file: Path, text: str) -> None:
    """Writes a file at once: the collector never reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f".{file.name}.new")
    staged.write_text(text)
    staged.replace(file)


if __name__ == "__main__":
    sys.exit(main())
