"""Keeps secrets out of messages. What a node prints is filtered first, then cut: there is no other way into a message."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from nodestate import NodeState, Secret
from provider.observed import Observed

SHORTEST_SECRET = 8
"""Shorter lines and values of a secret file are common words: to hide them would hide all text and no secret."""

PIECE = 12
"""A line is hidden if it holds this many characters of a secret value in a row: programs cut what they print, too."""

STRIDE = 4
"""Of a whole file in base64, a piece is known at each fourth character: PIECE + STRIDE - 1 in a row are found."""

REPLACEMENT = "(a line with a secret)"

_VALUE = re.compile(r"""[^\s=:,;"'`(){}<>|\[\]]+(?:={1,2}(?=[\s"',;)}\]]|$))?""")
_KEY = re.compile(r"""["']?\s*(?:[:=]\s*[^\s=]|:\s*$)""")
_SEPARATOR = re.compile(r"[:=]")


class Filtered(str):
    """A text that a Scrubber has let pass. Only such a text is cut (`ending`, `indented`), since a secret that was cut is
    not recognised any more."""


class Unfiltered(str):
    """A node's output as it was printed, for parsing by line: it cannot be formatted, cut or joined to other text."""

    def __str__(self) -> str:
        return "(unfiltered output)"

    def __repr__(self) -> str:
        return "(unfiltered output)"

    def __format__(self, _: str) -> str:
        return "(unfiltered output)"

    def __getitem__(self, _: Any) -> NoReturn:
        raise TypeError("output is filtered before it is cut")

    def __add__(self, _: Any) -> NoReturn:
        raise TypeError("output is filtered before it is joined to other text")

    __radd__ = __add__


def ending(text: Filtered, limit: int = 500) -> str:
    """The end of a text, on at most `limit` characters."""
    stripped = text.strip()
    return stripped if len(stripped) <= limit else f"...{stripped[-limit:]}"


def indented(text: Filtered, width: int = 400) -> str:
    """The lines of a text for the end of an error, each cut to a width."""
    return "\n".join(f"  {line[:width]}" for line in text.splitlines())


class Scrubber:
    """Hides each line of a text that holds a secret of the states it has been told of, in clear or in base64.

    Secrets are the files' secret contents, and the keys and passwords of connections: by line, by the value in a line such as
    `password=VALUE`, by a piece of a value, and in base64 at any alignment. A value that the inputs hold in public, too,
    such as a path, is no secret; nor is a piece that a script of the program holds, such as the start of a URL. States are
    only added: a former secret stays one.
    """

    def __init__(self, states: Iterable[NodeState] = ()) -> None:
        self._secrets: set[str] = set()
        self._public: set[str] = set()
        self._scripts: set[str] = set()
        self.add(states)

    def add(self, states: Iterable[NodeState]) -> None:
        """Hides the secrets of these states from now on."""
        for state in states:
            texts = [file.content for file in state.files.values()]
            if (connection := getattr(state, "connection", None)) is not None:
                texts += [connection.private_key, connection.sudo_password]
                texts += [bastion.private_key for bastion in connection.bastions]
            self.add_secrets(text for text in texts if isinstance(text, Secret))
            if isinstance(state, Observed):
                continue  # a secret that was pasted into a public file on the node is a secret still
            self._public |= {text for text in texts if isinstance(text, str)}
            self._public |= {*state.files, *state.directories, *state.units}

    def add_secrets(self, secrets: Iterable[Secret]) -> None:
        """Hides these secrets from now on."""
        self._secrets |= {one.reveal() for one in secrets if one.known}

    def add_script(self, script: str) -> None:
        """No piece of this script is a secret from now on. It must be the program's: a user's file may hold a pasted secret."""
        self._scripts.add(script)

    def scrub(self, text: str) -> Filtered:
        """The text without the lines that hold a secret."""
        if not text or not self._secrets:
            return Filtered(text)
        whole, pieces = self._index()
        return Filtered(
            "".join(
                REPLACEMENT + line[len(line.rstrip("\r\n")) :]
                if any(one in line for one in whole) or _holds(line, pieces)
                else line
                for line in text.splitlines(keepends=True)
            )
        )

    def _index(self) -> tuple[set[str], dict[int, set[str]]]:
        """Texts to find as they are, and pieces to find by their length. Made when needed: it is larger than the secrets."""
        public = "\n".join(self._public)
        whole: set[str] = set()
        pieces: defaultdict[int, set[str]] = defaultdict(set)
        for secret in self._secrets:
            for value in {one for line in secret.splitlines() for one in _values(line)}:
                if len(value) < SHORTEST_SECRET or value in public:
                    continue
                if re.search(r"\s", value):
                    whole.add(value)
                else:
                    _add(pieces, value)
                # Longer ones are found by the pieces of the whole file.
                if len(value) < 2 * PIECE:
                    for encoded in _encoded(value):
                        _add(pieces, encoded)
            for encoded in _encoded(secret):
                _add(pieces, encoded, STRIDE)
        # JSON and TOML quote what a command line does not.
        scripts = "\n".join(self._scripts)
        secret_only = {
            length: {one for one in found if one.strip("\"'") not in scripts} for length, found in pieces.items()
        }
        return whole, secret_only


def _values(line: str) -> Iterator[str]:
    """The line, what follows its first separator, and each value in it: a word that is no key."""
    yield line.strip()
    if separator := _SEPARATOR.search(line):
        yield line[separator.end() :].strip().strip("\"'")
    for match in _VALUE.finditer(line):
        if not _KEY.match(line, match.end()):
            yield match.group()
            yield match.group().rstrip("=")
            yield from re.split(r"[/@?&]+", match.group()) if "@" in match.group() else ()


def _encoded(text: str) -> set[str]:
    """The text in base64, plain and safe for URLs, at the three alignments, without the characters that depend on what is
    before and after it."""
    content = text.encode()
    found = set()
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        known = base64.b64encode(bytes(before) + content)
        known = known[unsure : (before + len(content)) // 3 * 4]
        if len(known) >= SHORTEST_SECRET:
            found.add(known.decode())
    return found | {one.translate(str.maketrans("+/", "-_")) for one in found}


def _add(pieces: defaultdict[int, set[str]], text: str, stride: int = 1) -> None:
    if len(text) <= PIECE:
        pieces[len(text)].add(text)
    else:
        pieces[PIECE] |= {text[at : at + PIECE] for at in range(0, len(text) - PIECE + 1, stride)}


def _holds(line: str, pieces: dict[int, set[str]]) -> bool:
    return any(
        line[at : at + length] in known for length, known in pieces.items() for at in range(len(line) - length + 1)
    )
