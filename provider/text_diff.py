"""Differences of two texts that the engine's own display does not show, with visible marks."""

from __future__ import annotations

import difflib

import yaml

from nodestate import NodeStateInputs
from nodestate.vocabulary import as_text
from provider.changes import FileChange

MARKS = {"\r": "␍", "\t": "␉", " ": "␠"}
NO_NEWLINE = " (no newline at end)"


def hidden_changes(old: NodeStateInputs, new: NodeStateInputs, files: tuple[FileChange, ...]) -> list[str]:
    """The `visible_diff` of each public file whose content changes, its lines with the node's name before them."""
    lines = []
    for change in files:
        if "content" in change.attributes:
            before, after = old.files[change.path].text, new.files[change.path].text
            if before is not None and after is not None:
                lines += [f"{new.node}: {line}" for line in visible_diff(change.path, before, after)]
    return lines


def visible_diff(path: str, old: str, new: str) -> list[str]:
    """The lines `<path>: - <line>` and `<path>: + <line>` of a change that would not be seen otherwise.

    Those are lines that differ in spacing, line ends or other invisible characters only; they show ␍ for a carriage return,
    ␠ and ␉ for blanks at the end, and a note where the last newline is missing. Of a text that the engine compares as data
    (it has no mark, see display.py) also changed comments; and every changed line if the data is the same.
    """
    before, after = old.split("\n"), new.split("\n")
    removed, added = _changed(before, after)
    structured, same = _as_data(old, new)
    twins = {_plain(line) for line in removed} & {_plain(line) for line in added}
    at_end = old.endswith("\n") != new.endswith("\n") and old != "" != new

    def hidden(line: str) -> bool:
        comment = structured and line.lstrip().startswith("#")
        return comment or (structured and same) or _plain(line) in twins

    lines = [f"{path}: - {_shown(line)}" for line in removed if line and hidden(line)]
    lines += [f"{path}: + {_shown(line)}" for line in added if line and hidden(line)]
    if at_end:
        last = [one for one in before if one][-1:], [one for one in after if one][-1:]
        if last[0] == last[1]:
            lines += [
                f"{path}: {sign} {_shown(one[-1])}{_end(text)}" for sign, one, text in _ends(last, old, new) if one
            ]
    elif not lines and removed + added and not any(removed + added):
        lines = [f"{path}: only the number of empty lines changes"]
    return lines


def _changed(old: list[str], new: list[str]) -> tuple[list[str], list[str]]:
    removed, added = [], []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            removed += old[a:b]
            added += new[c:d]
    return removed, added


def _ends(last: tuple[list[str], list[str]], old: str, new: str) -> list[tuple[str, list[str], str]]:
    return [("-", last[0], old), ("+", last[1], new)]


def _end(text: str) -> str:
    return "" if text.endswith("\n") else NO_NEWLINE


def _plain(line: str) -> str:
    """The line without anything that cannot be seen."""
    return "".join(one for one in line if not one.isspace() and one.isprintable())


def _shown(line: str) -> str:
    body = line.rstrip(" \t\r")
    rest = "".join(MARKS[one] for one in line[len(body) :])
    return "".join(one if one.isprintable() or one == "\t" else repr(one)[1:-1] for one in body) + rest


def _as_data(old: str, new: str) -> tuple[bool, bool]:
    """Whether the engine compares the two as data, and whether they are the same as such."""
    if as_text(new) != new:
        return False, False
    try:
        before, after = yaml.safe_load(old), yaml.safe_load(new)
    except yaml.YAMLError:
        return False, False
    structured = isinstance(before, dict | list) and isinstance(after, dict | list)
    return structured, structured and before == after
