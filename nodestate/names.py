"""Names of nodes: their order, and many of them in few words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

FEW = 3
"""So many names in a row are written out."""

_NUMBERED = re.compile(r"(.*?)(\d+)")
_DIGITS = re.compile(r"(\d+)")


def natural(name: str) -> tuple[tuple[int, str | int], ...]:
    """A key that sorts w2 before w10."""
    return tuple((1, int(one)) if one.isdigit() else (0, one) for one in _DIGITS.split(name) if one)


def names(nodes: Iterable[str]) -> str:
    """Names of nodes with runs such as `w1 ... w40`, and their number if that is more than three."""
    ordered = sorted(set(nodes), key=natural)
    text = ", ".join(_runs(ordered))
    return text if len(ordered) <= FEW else f"{text}: {len(ordered)} nodes"


def _runs(ordered: list[str]) -> Iterator[str]:
    run: list[str] = []
    for name in ordered:
        if run and not _follows(run[-1], name):
            yield from _written(run)
            run = []
        run.append(name)
    yield from _written(run)


def _follows(before: str, name: str) -> bool:
    one, two = _NUMBERED.fullmatch(before), _NUMBERED.fullmatch(name)
    return bool(one and two and one[1] == two[1] and int(two[2]) == int(one[2]) + 1)


def _written(run: list[str]) -> list[str]:
    return run if len(run) <= FEW else [f"{run[0]} ... {run[-1]}"]
