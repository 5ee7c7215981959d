"""How a field of the schema declares itself: its meaning, its check and its names on the wire."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from nodestate.secret import Secret, Unknown


@dataclass(frozen=True)
class Check:
    """Accepts a value if `fits` does; `form` says which values those are and completes "is not ..."."""

    form: str
    fits: Callable[[Any], bool]


def matching(pattern: str, form: str) -> Check:
    """Accepts a text that matches all of `pattern`."""
    compiled = re.compile(pattern)
    return Check(form, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


def whole(low: int, high: int | None, form: str) -> Check:
    """Accepts whole numbers from `low` to `high`."""

    def fits(value: Any) -> bool:
        number = isinstance(value, int) and not isinstance(value, bool)
        return number and value >= low and (high is None or value <= high)

    return Check(form, fits)


ANY_TEXT = Check("text", lambda value: isinstance(value, str))
BOOLEAN = Check("true or false", lambda value: isinstance(value, bool))
WHOLE = whole(0, None, "a whole number")


@dataclass(frozen=True)
class Key:
    """The declaration of a field in addition to its type and default, as `Annotated[type, Key(...)]`.

    `wire` is the key on the wire, by default the field's name in camel case. `formerly` is a key that stored states of
    earlier programs may still hold; inputs may not. `entries` checks the keys of a map. `among` names the section whose
    keys the value must be one of. A field is not allowed if the boolean field `unless` of the same record is true.
    `normal` brings an accepted value into the one form that is compared. `needs_one` refuses an empty list.
    """

    doc: str
    check: Check | None = None
    wire: str | None = None
    formerly: str | None = None
    entries: Check | None = None
    among: str | None = None
    unless: str | None = None
    normal: Callable[[Any], Any] | None = None
    needs_one: bool = False


@dataclass(frozen=True)
class Field:
    """One field of a record, as the wire form, the checks and the reference read it.

    `shape` is `leaf`, `record`, `map` (of records by name) or `list` (of leaves or records); `of` is the type of the leaf
    or record.
    """

    name: str
    wire: str
    key: Key
    shape: str
    of: Any
    optional: bool
    default: Any
    """`dataclasses.MISSING` if the field is required."""

    @property
    def required(self) -> bool:
        """Whether the wire form must hold it."""
        return self.default is dataclasses.MISSING

    @property
    def record(self) -> bool:
        """Whether its value, or each of its values, is a record."""
        return dataclasses.is_dataclass(self.of)

    @property
    def check(self) -> Check:
        """The check of the leaf, or of each leaf of a list."""
        if self.key.check is not None:
            return self.key.check
        if isinstance(self.of, type) and issubclass(self.of, StrEnum):
            values = tuple(str(one) for one in self.of)
            return Check(f"one of {', '.join(values)}", lambda value: value in values)
        return {bool: BOOLEAN, int: WHOLE}.get(self.of, ANY_TEXT)


def fields_of(kind: type) -> tuple[Field, ...]:
    """The fields of a record, in the order of their declaration."""
    return _fields(kind)


@cache
def _fields(kind: Any) -> tuple[Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_field(one, hints[one.name]) for one in dataclasses.fields(kind))


def _field(field: dataclasses.Field[Any], hint: Any) -> Field:
    assert get_origin(hint) is Annotated, f"{field.name} declares no Key"
    hint, key = get_args(hint)
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    optional = NoneType in options
    kinds = [one for one in options if one not in (NoneType, Unknown)]
    # Text is `str | Secret | Unknown`: a leaf that keeps its mark.
    [kind] = [Secret | str] if set(kinds) == {str, Secret} else kinds
    shape, of = _shape(kind)
    default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    first, *others = field.name.split("_")
    wire = key.wire or "".join([first, *(one.capitalize() for one in others)])
    return Field(field.name, wire, key, shape, of, optional, default)


def _shape(kind: Any) -> tuple[str, Any]:
    if isinstance(origin := get_origin(kind), type):
        if issubclass(origin, Mapping):
            return "map", get_args(kind)[1]
        if origin is tuple:
            return "list", get_args(kind)[0]
    return "record" if dataclasses.is_dataclass(kind) else "leaf", kind
