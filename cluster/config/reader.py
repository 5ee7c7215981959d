"""Reads nested configuration and collects every error, each with the path of its key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TYPE_NAMES = {str: "text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}


@dataclass(frozen=True)
class Problem:
    """One error: the path of its key, and what is wrong, what is allowed and what to do."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class ConfigError(Exception):
    """An invalid configuration, with every error that was found."""

    def __init__(self, errors: Iterable[Problem]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass
class Scope:
    """The state that all readers of one configuration share.

    `root` is the folder that relative paths start from. Without `reads_files`, no file that the configuration names is
    read: checksums are zeros, and keys are not known. `values` are the values read so far by path, for defaults that
    are derived from other keys. `former` maps a former key's path to its replacement; node names in it are `<name>`.
    `secrets` are the paths of config secrets, a section's for all below it; None if it is not known which are secrets.
    """

    root: Path
    former: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    reads_files: bool = True
    secrets: frozenset[str] | None = None

    def is_secret(self, path: str) -> bool:
        """Whether the value of a key is a config secret, or part of one."""
        return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in self.secrets or ())

    def error(self, path: str, text: str) -> None:
        """Notes one error; the same error of the same key once."""
        problem = Problem(path, text)
        if problem not in self.problems:
            self.problems.append(problem)

    def failed(self, path: str) -> bool:
        """Whether a key, or one below it, has an error."""
        return any(one.path == path or one.path.startswith((f"{path}.", f"{path}[")) for one in self.problems)


class Reader:
    """One object of the configuration.

    Each getter marks its key as known and returns None after noting an error if the value has another type. `finish`
    notes the keys that no getter asked for.
    """

    def __init__(self, values: Mapping[str, Any], scope: Scope, path: str = "", general: str | None = None) -> None:
        self._values = values
        self._known: dict[str, None] = {}
        self._general = path if general is None else general
        self.scope = scope
        self.path = path

    def at(self, key: str) -> str:
        """The full path of a key, as errors name it."""
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, text: str) -> None:
        """Notes an error of one key."""
        self.scope.error(self.at(key), text)

    def failed(self, key: str) -> bool:
        """Whether a key, or one below it, has an error."""
        return self.scope.failed(self.at(key))

    def has(self, key: str) -> bool:
        """Whether the key is set."""
        self._known[key] = None
        return self._values.get(key) is not None

    def value(self, key: str, kind: type) -> Any:
        """The value if it is set and of this type."""
        self._known[key] = None
        value = self._values.get(key)
        if value is None:
            return None
        # bool is a subclass of int: true is not a number here.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.error(key, f"is {describe(value)}, not {TYPE_NAMES[kind]}")
            return None
        return value

    def plain(self, key: str) -> Any:
        """The value as it is, of any type."""
        self._known[key] = None
        return self._values.get(key)

    def encrypted(self, key: str) -> bool:
        """Whether the value is a config secret that was read from a stack file without the engine."""
        value = self._values.get(key)
        if not (isinstance(value, dict) and value.keys() == {"secure"}):
            return False
        self._known[key] = None
        return True

    def mapping(self, key: str) -> dict[str, Any]:
        """An object as it is, empty if it is missing."""
        return self.value(key, dict) or {}

    def object(self, key: str, general: str | None = None) -> Reader:
        """A reader of the object below a key. `general` is its name in former paths, if `key` is a node's name."""
        prefix = f"{self._general}." if self._general else ""
        return Reader(self.mapping(key), self.scope, self.at(key), prefix + (general or key))

    def refuse(self, key: str, text: str) -> None:
        """Notes an error if a key is set that has no effect here."""
        if self.has(key):
            self.error(key, text)

    def finish(self) -> None:
        """Notes every key that is set and that no getter asked for, with its new name or the nearest known key."""
        for key in self._values:
            if key in self._known:
                continue
            former = f"{self._general}.{key}" if self._general else key
            near = difflib.get_close_matches(key, sorted(self._known), n=1, cutoff=0.5)
            if former in self.scope.former:
                self.error(key, self.scope.former[former].replace("<name>", self.path.rpartition(".")[2]))
            elif near:
                self.error(key, f"is not a known key; did you mean {near[0]}?")
            else:
                self.error(key, f"is not a known key; known here: {', '.join(sorted(self._known))}")


def describe(value: object) -> str:
    """The type of a value in words, with the value if it is short."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (true or false)"
    if isinstance(value, int | float):
        return f"the number {value}"
    return TYPE_NAMES.get(type(value), type(value).__name__)
