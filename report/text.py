"""Unified diffs of files as the events hold them, without any secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from nodestate.vocabulary import without_mark
from report.events import HIDDEN

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's mark of a value that is made in this run."""

SHAPE = ("mode", "owner", "group")
MOST_LINES = 400
CONTEXT = 1
NO_NEWLINE = "\\ no newline at end"
MARKS = {"\r": "␍", "\t": "␉", " ": "␠"}


def secret(file: Any) -> bool:
    """Whether any part of a file's description is secret."""
    if isinstance(file, Mapping):
        return any(secret(one) for one in file.values())
    return bool(file == HIDDEN)


def details(old: Any, new: Any, attributes: tuple[str, ...]) -> tuple[str, ...]:
    """Old and new value of each changed attribute that has a short one."""
    return tuple(_details(_map(old), _map(new), attributes))


def _details(old: Mapping[str, Any], new: Mapping[str, Any], attributes: tuple[str, ...]) -> Iterator[str]:
    for name in SHAPE:
        if name in attributes and name in old and name in new:
            yield f"{name} {old[name]} -> {new[name]}"
    if "source" in attributes and isinstance(new.get("source"), Mapping):
        before = str(_map(old.get("source")).get("sha256", ""))[:12] or "other"
        yield f"sha256 {before} -> {str(new['source'].get('sha256', ''))[:12]}"
    if new.get("content") == UNKNOWN:
        yield "made in this run"


def diff(old: Any, new: Any) -> tuple[str, ...]:
    """The unified diff of two files' contents, without a header; empty if either is not known, secret or no text.

    A file that is not there is empty. Line ends and blanks at the end of a changed line are visible.
    """
    texts = [_text(old), _text(new)]
    if None in texts:
        return ()
    before, after = (str(one).split("\n") for one in texts)
    for lines in (before, after):
        if lines[-1] == "":
            lines.pop()
        elif lines:
            lines.append(NO_NEWLINE)
    found = list(difflib.unified_diff(before, after, lineterm="", n=CONTEXT))[2:]
    lines = [_shown(one) for one in found]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"... {len(lines) - MOST_LINES} more lines"]
    return tuple(lines)


def _text(file: Any) -> str | None:
    if file is None:
        return ""
    content = _map(file).get("content")
    if not isinstance(content, str) or content in (HIDDEN, UNKNOWN):
        return None
    return without_mark(content)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _shown(line: str) -> str:
    if line.startswith("@@"):
        return line
    return printable(line if not line.startswith(("+", "-")) else line[0] + _ends(line[1:]))


def printable(line: str) -> str:
    """A line without control characters."""
    return "".join(one if one.isprintable() or one == "\t" else repr(one)[1:-1] for one in line)


def _ends(line: str) -> str:
    kept = line.rstrip(" \t\r")
    return kept + "".join(MARKS[one] for one in line[len(kept) :])
