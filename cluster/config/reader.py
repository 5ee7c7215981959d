"""Reads nested configuration and collects every error, each with the path of its key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

KINDS = {str: "text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}

Check = Callable[[str], str | None]
"""Takes a value; returns what is wrong with it and what is allowed, None where it is good."""


class Reader:
    """One object of the configuration.

    Each getter names its key as known, notes an error where the value is of another type or refused by its check, and
    then returns the default. `finish` notes the keys that nobody asked for. All readers of one configuration share `errors`.
    """

    def __init__(self, values: Mapping[str, Any], path: str, errors: list[str]) -> None:
        self._values = values
        self._known: set[str] = set()
        self.path = path
        self.errors = errors

    def at(self, key: str) -> str:
        """The full path of a key, as errors name it."""
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, message: str) -> None:
        """Notes an error of one key."""
        self.errors.append(f"{self.at(key)}: {message}")

    def has(self, key: str) -> bool:
        """Whether the key is set."""
        self._known.add(key)
        return self._values.get(key) is not None

    def text(self, key: str, default: str | None = None, check: Check | None = None, missing: str = "") -> str:
        """A text. Without a default it is required; `missing` then says what to write."""
        value = self._typed(key, str)
        if value is None:
            if default is None and not self.has(key):
                self.error(key, f"is missing{': ' + missing if missing else ''}")
            return default or ""
        if check is not None and (wrong := check(value)) is not None:
            self.error(key, wrong)
            return default or ""
        return str(value)

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of a few texts."""
        options = list(allowed)

        def check(value: str) -> str | None:
            return None if value in options else f"'{value}' is not one of {', '.join(options)}"

        value = self.text(key, default, check, missing=f"one of {', '.join(options)}")
        return value or options[0]

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds, both included."""
        value = self._typed(key, int)
        if value is None:
            return default
        if not least <= value <= most:
            self.error(key, f"{value} is not between {least} and {most}")
            return default
        return int(value)

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._typed(key, bool)
        return default if value is None else bool(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """An object as it stands, empty where it is missing."""
        return self._typed(key, dict) or {}

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty where it is missing."""
        values = self._typed(key, list) or []
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self.error(f"{key}[{index}]", f"is {_kind(value)}, not text")
        return tuple(value for value in values if isinstance(value, str))

    def object(self, key: str) -> Reader:
        """A reader of the object below a key."""
        return Reader(self.mapping(key), self.at(key), self.errors)

    def finish(self) -> None:
        """Notes every key that is set and was never asked for, with the nearest one that is known."""
        for key in self._values:
            if key in self._known:
                continue
            near = difflib.get_close_matches(key, sorted(self._known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(self._known))}"
            self.error(key, f"is not a known key; {hint}")

    def _typed(self, key: str, kind: type) -> Any:
        self._known.add(key)
        value = self._values.get(key)
        if value is None:
            return None
        # bool is a subclass of int: true is no number here.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.error(key, f"is {_kind(value)}, not {KINDS[kind]}")
            return None
        return value


def _kind(value: object) -> str:
    """What was found, in words, with the value where it is short."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (true or false)"
    if isinstance(value, int | float):
        return f"the number {value}"
    return KINDS.get(type(value), type(value).__name__)
