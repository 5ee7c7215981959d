"""Texts of comments and issues, cut off where the API would refuse them."""

from __future__ import annotations

from collections.abc import Iterable

from ci.forge import Note

CUT = "\n\n*The rest is left out: it is in the HTML report.*\n"


def limited(body: str, most: int, foot: str = "") -> str:
    """Body and foot in at most `most` characters. The body is cut off at a line; open blocks are closed."""
    if len(body) + len(foot) <= most:
        return body + foot
    kept: list[str] = []
    size = len(CUT) + len(foot) + 80
    for line in body.splitlines():
        size += len(line) + 1
        if size > most:
            break
        kept.append(line)
    return "\n".join([*kept, *_closing(kept)]) + CUT + foot


def _closing(lines: list[str]) -> list[str]:
    """The ends of a fence and of details that are open after these lines."""
    fence, details = "", False
    for line in lines:
        ticks = len(line) - len(line.lstrip("`"))
        if fence:
            fence = "" if line == fence else fence
        elif ticks >= 3:
            fence = "`" * ticks
        elif line.startswith("<details>"):
            details = True
        elif line.startswith("</details>"):
            details = False
    return [*([fence] if fence else []), *(["", "</details>"] if details else [])]


def own(notes: Iterable[Note], author: str, mark: str) -> Note | None:
    """The note of this account that begins with this line.

    Others may write the same line. Their notes are never updated: they could edit them afterwards.
    """
    return next((one for one in notes if one.author == author and one.body.partition("\n")[0].strip() == mark), None)
