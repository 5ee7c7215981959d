"""The captured runs in README and docs, compared with the program's present output."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
    (r"\b(\d+[dhms])+\b", "<age>"),
    (r"\b(leader|follower)\b", "<member>"),
    (r"revision \d+", "revision <n>"),
    (r"sha256:[0-9a-f]{64}", "<digest>"),
    (r"\s+", " "),
)
"""Text that differs in each run."""

GAP = "..."
PROGRESS = re.compile(r"@ [a-z ]+\.+")
"""The engine prints such a line anywhere while a preview is slow."""


def block(name: str) -> list[str]:
    """The lines of a captured run, by the name in its markers. Each name occurs once in README.md and docs/."""
    pattern = re.compile(rf"<!-- captured: {name} -->\n```text\n(.*?)```\n<!-- end: {name} -->", re.DOTALL)
    texts = [file.read_text() for file in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]
    [found] = [match[1] for text in texts for match in pattern.finditer(text)]
    return found.splitlines()


def check_captured(name: str, printed: str) -> None:
    """Fails unless every line of the block is printed, in this order. A line `...` replaces omitted lines.

    Indentation, times, ages, digests and the etcd member that leads may differ.
    """
    rest = [_comparable(line) for line in printed.splitlines() if not PROGRESS.fullmatch(line.strip())]
    expected = [_comparable(line) for line in block(name)]
    adjacent = False
    for line in expected:
        if line == GAP:
            adjacent = False
            continue
        assert line in rest, f"{name}: the documentation shows a line that is not printed here: {line}"
        if adjacent:
            assert rest[0] == line, f"{name}: the documentation omits a line before: {line}: {rest[0]}"
        rest = rest[rest.index(line) + 1 :]
        adjacent = True


def _comparable(line: str) -> str:
    for pattern, stand_in in VARYING:
        line = re.sub(pattern, stand_in, line)
    return line.strip()
