"""Saved reports, one JSON file and one page per run: `python -m report.saved FOLDER` lists them, the newest last."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from report import data, html, words
from report.model import Report


def save(report: Report, folder: Path) -> Path:
    """Writes the report and its page, readable by this user only; returns the page. The name has time and stack."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = f"{report.time.replace(':', '')}-{report.stack}"
    page = folder / f"{stem}.html"
    for file, text in ((folder / f"{stem}.json", data.to_json(report)), (page, html.render(report))):
        staged = file.with_name(f".{file.name}")
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(text)
        staged.replace(file)
    return page


def listed(folder: Path) -> Iterator[str]:
    """A line per saved report: time, forecast, outcome, and the page."""
    for file in sorted(folder.glob("*.json")):
        try:
            report = data.from_json(file.read_text())
        except (OSError, ValueError) as error:
            yield f"{file}: {error}"
            continue
        outcome = words.happened(report.happened) if report.happened is not None else "not applied"
        yield f"{report.time}  {words.headline(report)}"
        yield f"{'':20}  {outcome}; {file.with_suffix('.html')}"


def main() -> int:
    """Prints the list."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "plans")
    lines = list(listed(folder))
    print("\n".join(lines) if lines else f"no reports in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
