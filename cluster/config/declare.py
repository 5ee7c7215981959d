"""Declares configuration: a section is a frozen dataclass, and each field declares everything about its key.

The section's docstring introduces it in the reference. The reader, the reference page, the JSON Schema and the descriptions in
Pulumi.yaml are derived from these declarations.
Not pydantic: it runs checks across fields only after every field is valid, and so cannot report all errors at once.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")
REQUIRED: Any = dataclasses.MISSING
ACRONYMS = {"cidr": "CIDR", "dns": "DNS"}


@dataclass(frozen=True)
class Check:
    """The values that a key allows, in addition to its type.

    `wrong` returns the error of a value, with the allowed values, or None. `allowed` describes them in the reference;
    `pattern` is a regular expression for them, if there is one.
    """

    allowed: str
    wrong: Callable[[Any], str | None]
    pattern: str = ""


@dataclass(frozen=True)
class Derived:
    """A default derived from other keys: `words` describe it in the reference, `text` computes it from the values read so far."""

    words: str
    text: Callable[[Mapping[str, Any]], str]


def template(text: str) -> Derived:
    """A default that contains the values of other keys, as `{section.key}`."""
    parts = re.compile(r"\{([\w.]+)\}")
    return Derived(parts.sub(r"<\1>", text), lambda values: parts.sub(lambda match: str(values[match[1]]), text))


@dataclass(frozen=True)
class Key:
    """One declared key. `field` is the name in Python, `name` in configuration.

    `least` and `most` bound a number; `choices` and `choice_aliases` a text. `each` checks key and value of a mapping,
    `identity` returns a value that is equal for duplicate entries of a list. `formerly` is a former path; errors name the new one.
    A `secret` text must be a config secret.
    """

    field: str
    name: str
    type: Any
    default: Any
    doc: str
    least: int | None
    most: int | None
    unit: str
    check: Check | None
    each: Callable[[str, str], str | None] | None
    identity: Callable[[Any], object] | None
    choices: tuple[str, ...]
    choice_aliases: Mapping[str, str]
    derived: Derived | None
    missing: str
    example: str
    formerly: str
    secret: bool

    @property
    def required(self) -> bool:
        """Whether configuration must set it."""
        return self.default is REQUIRED and self.derived is None


def key(
    default: Any = REQUIRED,
    least: int | None = None,
    most: int | None = None,
    *,
    doc: str,
    name: str = "",
    unit: str = "",
    check: Check | None = None,
    each: Callable[[str, str], str | None] | None = None,
    identity: Callable[[Any], object] | None = None,
    choices: tuple[str, ...] = (),
    choice_aliases: Mapping[str, str] | None = None,
    derived: Derived | None = None,
    missing: str = "",
    example: str = "",
    formerly: str = "",
    secret: bool = False,
) -> Any:
    """Declares the key of one field; see Key. `missing` says what to write if a required key is not set."""
    declared = {
        **{"name": name, "default": default, "least": least, "most": most, "doc": doc, "unit": unit, "check": check},
        **{"each": each, "identity": identity, "choices": choices, "choice_aliases": choice_aliases or {}},
        **{"derived": derived, "missing": missing, "example": example, "formerly": formerly, "secret": secret},
    }
    if default == {}:
        return dataclasses.field(default_factory=dict, metadata={"key": declared})
    return dataclasses.field(default=default, metadata={"key": declared})


def rule(*fields: str) -> Callable[[Callable[[T], str | None]], Callable[[T], str | None]]:
    """Marks a method as a check across fields: it returns an error, or None. The error is reported for the first field.

    It is skipped if one of these fields already has an error.
    """

    def mark(check: Callable[[T], str | None]) -> Callable[[T], str | None]:
        check.__dict__["fields"] = fields
        return check

    return mark


def keys(cls: type) -> tuple[Key, ...]:
    """The declared keys of a section, in order."""
    section: Any = cls
    return _keys(section)


@functools.cache
def _keys(cls: Any) -> tuple[Key, ...]:
    types = get_type_hints(cls)
    found = []
    for one in dataclasses.fields(cls):
        if "key" in one.metadata:
            declared = dict(one.metadata["key"])
            name = declared.pop("name") or _camel(one.name)
            found.append(Key(field=one.name, name=name, type=types[one.name], **declared))
    return tuple(found)


def rules(cls: type) -> tuple[tuple[tuple[str, ...], Callable[[Any], str | None]], ...]:
    """The checks across fields of a section, each with the fields that it reads."""
    methods = [value for value in vars(cls).values() if callable(value) and hasattr(value, "fields")]
    return tuple((method.fields, method) for method in methods)


def is_section(kind: object) -> bool:
    """Whether a type is a declared section."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind) and bool(keys(kind))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(ACRONYMS.get(part, part.capitalize()) for part in rest)
