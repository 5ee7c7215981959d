"""How a script is put together: quoted calls of sh functions, in one group of commands.

A shell runs a group only once it has read all of it: a connection that breaks half-way leaves no half of a command.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

quoted = shlex.quote

HOME = "/var/lib/plumbline"
"""On each node: the journal of a change under way, and the files it replaces (journal.py)."""


def call(function: str, *words: str, **named: str) -> str:
    """A call of a sh function: `words` are its `$1`, `$2` and so on, `named` variables that it finds set."""
    return " ".join([*(f"{name}={quoted(value)}" for name, value in named.items()), function, *map(quoted, words)])


def with_input(line: str, text: str, end: str) -> str:
    """A call that reads `text` from its standard input; `end` is a line that the text does not hold."""
    return f"{line} <<'{end}'\n{text}{end}"


def whole(lines: Iterable[str]) -> str:
    """A script that stops at the first command that fails, and runs only if it arrived complete."""
    return "\n".join(["{", "set -eu", *lines, "exit 0", "}", ""])


def user_script(text: str) -> str:
    """A script that the program gave: a hook or a check."""
    return whole([text])
