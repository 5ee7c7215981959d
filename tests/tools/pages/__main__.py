"""The check of the report's pages: `python -m tests.tools.pages [--pictures FOLDER]`. Needs node, npm and Chromium.

The pictures are those of docs/how-to/plan-examples.md: each case as its preview forecast it, and one with its outcome.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from builder.versions import VERSIONS
from report import html
from tests.tools.plan_examples import OUTCOME, PICTURED
from tests.unit.report.recorded import CASES, UPDATED, forecast, recorded
from tests.unit.report.test_budget import planned
from tests.unit.report.test_happened import planted

HERE = Path(__file__).parent
MODULES = ("axe-core", "puppeteer-core")


def main() -> int:
    """The command line: 0 without findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.pages", description=__doc__)
    parser.add_argument("--pictures", type=Path, help="write pictures of the pages into this folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plumbline-pages-") as made:
        folder = Path(made)
        wanted = [f"{name}@{VERSIONS['tests'][name]}" for name in MODULES]
        install = [
            "npm",
            "install",
            "--prefix",
            str(folder),
            "--no-save",
            "--no-fund",
            "--no-audit",
            "--ignore-scripts",
        ]
        subprocess.run([*install, *wanted], check=True, stdout=subprocess.DEVNULL)
        reports = {case: forecast(case) for case in CASES}
        reports |= {f"{case}{OUTCOME}": recorded(case) for case in UPDATED}
        reports |= {"budget": planned({"maxRestarts": 0}, nodes=8).report(), "planted": planted()}
        pages = []
        for name, report in reports.items():
            pages.append(folder / f"{name}.html")
            pages[-1].write_text(html.render(report))
        pictures = str(chosen.pictures.resolve()) if chosen.pictures else ""
        command = ["node", str(HERE / "check.mjs"), str(folder / "node_modules"), pictures, ",".join(PICTURED)]
        command += map(str, pages)
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
