"""The wire form of the records: plain data (maps, lists, texts, numbers, booleans) with Secret and UNKNOWN leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from nodestate.keys import Field, fields_of
from nodestate.secret import UNKNOWN, Secret, is_unknown

T = TypeVar("T")
LEFT_OUT = (None, (), False)
"""Defaults that mean "none": a field that has this default and value is not written, nor one with the default of an enum."""


def to_wire(record: Any, kind: type | None = None) -> dict[str, Any]:
    """A record as a map. `kind` names the schema for an object that is no record but has attributes of the same names:
    their values are written as they are, and those it does not have are left out."""
    written = {}
    for field in fields_of(kind or type(record)):
        value = getattr(record, field.name, None)
        if field.key.unless and getattr(record, field.key.unless, False):
            continue
        unsaid = field.default in LEFT_OUT or isinstance(field.default, StrEnum)
        if value is None or (unsaid and value == field.default):
            continue
        written[field.wire] = _write(field, value)
    return written


def _write(field: Field, value: Any) -> Any:
    if field.shape == "map" and isinstance(value, Mapping):
        return {name: to_wire(one, field.of) if field.record else one for name, one in value.items()}
    if field.shape == "list" and isinstance(value, tuple):
        return [to_wire(one, field.of) if field.record else one for one in value]
    if isinstance(value, StrEnum):
        return str(value)
    return to_wire(value) if isinstance(value, field.of) and field.record else value


def from_wire(kind: type[T], data: Mapping[str, Any]) -> T:
    """The record that inputs which passed the checks, or a stored state, describe. Former keys are read, too.

    An unknown leaf, and each leaf of an unknown record in a map, is UNKNOWN whatever its type. A list, a map, an item or
    an optional record that is unknown as a whole reads as if it were not given.
    """
    values: dict[str, Any] = {}
    for field in fields_of(kind):
        value = data.get(field.wire)
        if value is None and field.key.formerly:
            value = data.get(field.key.formerly)
        if value is None or (is_unknown(value) and field.shape != "leaf"):
            # Stored states are not checked: a required key that they lack is unknown rather than an error.
            values[field.name] = UNKNOWN if field.required else field.default
        else:
            values[field.name] = _read(field, value)
    return kind(**values)


def _read(field: Field, value: Any) -> Any:
    if field.shape == "map":
        entry = _entry if field.record else None
        return {
            name: entry(field.of, one) if entry else _leaf(field, one) for name, one in value.items() if one is not None
        }
    if field.shape == "list":
        known = [one for one in value if one is not None and not is_unknown(one)]
        return tuple(from_wire(field.of, one) if field.record else _leaf(field, one) for one in known)
    return from_wire(field.of, value) if field.record else _leaf(field, value)


def _entry(kind: type[T], value: Any) -> T:
    if is_unknown(value):
        value = {field.wire: UNKNOWN for field in fields_of(kind)}
    return from_wire(kind, value)


def _leaf(field: Field, value: Any) -> Any:
    if field.of == Secret | str:
        return value
    if field.of is Secret:
        return value if isinstance(value, Secret) else Secret(value)
    if (value := revealed(field, value)) is UNKNOWN:
        return UNKNOWN
    if field.key.normal is not None:
        value = field.key.normal(value)
    return field.of(value)


def revealed(field: Field, value: Any) -> Any:
    """The value of a leaf without its mark: a secret number or boolean is written as a secret JSON text."""
    if not isinstance(value, Secret):
        return value
    if not value.known:
        return UNKNOWN
    if field.of in (int, bool):
        try:
            return json.loads(value.reveal())
        except ValueError:
            return value.reveal()
    return value.reveal()


def map_leaves(data: Any, function: Callable[[Any], Any]) -> Any:
    """The same data with `function` applied to each leaf."""
    if isinstance(data, Mapping):
        return {key: map_leaves(one, function) for key, one in data.items()}
    if isinstance(data, list | tuple):
        return [map_leaves(one, function) for one in data]
    return function(data)


def partly_unknown(data: Any) -> bool:
    """Whether the data, or anything inside it, is not known yet."""
    if isinstance(data, Mapping):
        return any(partly_unknown(one) for one in data.values())
    if isinstance(data, list | tuple):
        return any(partly_unknown(one) for one in data)
    return is_unknown(data)
