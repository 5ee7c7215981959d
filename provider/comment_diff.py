"""Changed comments of YAML and JSON files. The engine compares such texts as data, so its display leaves them out."""

from __future__ import annotations

import difflib

import yaml

from nodestate import NodeStateInputs
from provider.plan import FileChange


def comment_diff(old: NodeStateInputs, new: NodeStateInputs, files: tuple[FileChange, ...]) -> list[str]:
    """A line of the plan for each changed comment of a public YAML or JSON file: `<node>: <path>: - <line>` or `+ <line>`.

    If the data as a whole is the same, also for each line whose order or spacing changed.
    """
    lines = []
    for change in files:
        if "content" in change.attributes:
            before, after = old.files[change.path].text, new.files[change.path].text
            if before is not None and after is not None:
                lines += [f"{new.node}: {change.path}: {line}" for line in _hidden(before, after)]
    return lines


def _hidden(before: str, after: str) -> list[str]:
    try:
        old, new = yaml.safe_load(before), yaml.safe_load(after)
    except yaml.YAMLError:
        return []
    if not (isinstance(old, dict | list) and isinstance(new, dict | list)):
        return []
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith(("- ", "+ "))]
    return [f"{line[0]} {line[2:]}" for line in lines if old == new or line[2:].lstrip().startswith("#")]
