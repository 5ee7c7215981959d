"""Widths of texts without a font: estimates for the widest of the usual fonts, so that no text leaves its box."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EMS = {"ijl|.,:;'!": 0.33, "frtI()[]/- ": 0.42, "mwMW%@": 0.95, "ABCDEFGHKNOPQRSTUVXYZ": 0.73}
_WIDTHS = {letter: ems for letters, ems in _EMS.items() for letter in letters}
_USUAL = 0.62
_BOLD = 1.1
_PIECE = re.compile(r"[^ -]*(?:-| |$)")


def width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line in pixels."""
    return sum(_WIDTHS.get(letter, _USUAL) for letter in text) * size * (_BOLD if bold else 1)


def pieces(text: str) -> list[str]:
    """The parts of a text between which a line may end: after a hyphen, and at a blank."""
    return [piece for piece in _PIECE.findall(text) if piece]


def wrapped(text: str, most: float, size: float, bold: bool = False) -> list[str]:
    """The text in lines of at most `most` pixels. A longer piece has a line of its size."""
    lines: list[str] = []
    for piece in pieces(text):
        if lines and width((lines[-1] + piece).rstrip(), size, bold) <= most:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]


def listed(items: tuple[str, ...], most: float, size: float) -> Iterator[str]:
    """Items with commas in lines of at most `most` pixels; no item is divided."""
    line = ""
    for index, item in enumerate(items):
        word = item if index == len(items) - 1 else f"{item},"
        if line and width(f"{line} {word}", size) > most:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line
