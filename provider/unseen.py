"""Lines of a YAML or JSON file that the engine's own display leaves out: it compares such texts by their data."""

from __future__ import annotations

import difflib

import yaml

from provider.model import File, State
from provider.plan import FileChange


def unseen(old: State, new: State, files: tuple[FileChange, ...]) -> list[str]:
    """A line of the plan for each differing line of a public YAML or JSON text that carries no other data.

    These are its comments, and where the data is the same as a whole, order and spacing too. In the order of the files;
    `<node>: <path>: - <line>` goes, `+ <line>` comes.
    """
    lines = []
    for change in files:
        if "content" in change.attributes:
            before, after = _text(old.files[change.path]), _text(new.files[change.path])
            if before is not None and after is not None:
                lines += [f"{new.node}: {change.path}: {line}" for line in _hidden(before, after)]
    return lines


def _text(file: File) -> str | None:
    return None if file.content is None or file.content.secret else file.content.text


def _hidden(before: str, after: str) -> list[str]:
    try:
        old, new = yaml.safe_load(before), yaml.safe_load(after)
    except yaml.YAMLError:
        return []
    if not (isinstance(old, dict | list) and isinstance(new, dict | list)):
        return []
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith(("- ", "+ "))]
    return [f"{line[0]} {line[2:]}" for line in lines if old == new or line[2:].lstrip().startswith("#")]
