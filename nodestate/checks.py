"""Refuses inputs that cannot be, before anything is touched. The checks follow from the schema and the few rules here."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from nodestate.keys import Check, Field, fields_of
from nodestate.schema import HOST_KEY, PRIVATE_KEY, Action, Connection, Endpoint, File, NodeStateInputs, Reaction
from nodestate.secret import UNKNOWN, Secret, is_unknown
from nodestate.wire import revealed

Data = Mapping[str, Any]


class Problem(NamedTuple):
    """A key whose value is refused, and the reason. No secret is in the reason."""

    key: str
    reason: str


def problems(inputs: Data) -> list[Problem]:
    """All problems of the resource's inputs in wire form. Values that are still unknown are accepted."""
    return [*_record(NodeStateInputs, inputs, "", inputs), *_both(inputs)]


def _record(kind: type, data: Data, at: str, inputs: Data) -> Iterator[Problem]:
    yield from _unknown_keys(kind, data, at)
    for field in fields_of(kind):
        key, value = f"{at}{field.wire}", data.get(field.wire)
        if value is None:
            if field.required and field.key.formerly not in data:
                yield Problem(key, f"is missing: {_form(field)}")
        elif field.key.unless and data.get(field.key.unless) is True:
            yield Problem(
                key, f"is not for a {field.key.unless}: other programs own the file, only its lines are managed"
            )
        elif not is_unknown(value):
            yield from _value(field, value, key, inputs)
    for rule in RULES.get(kind, ()):
        yield from rule(data, at)


def _value(field: Field, value: Any, key: str, inputs: Data) -> Iterator[Problem]:
    if field.shape == "map":
        if not isinstance(value, Mapping):
            yield Problem(key, f"{_shown(value)} is not a map")
            return
        for name, one in value.items():
            at = f'{key}["{name}"]'
            if field.key.entries is not None and not field.key.entries.fits(name):
                yield Problem(at, f"{name!r} is not {field.key.entries.form}")
            yield from _nested(field, one, at, inputs)
    elif field.shape == "list":
        if not isinstance(value, list | tuple) or (field.key.needs_one and not value):
            each = f"maps of {_keys(field)}" if field.record else f"values, each {field.check.form}"
            yield Problem(key, f"{_shown(value)} is not a list of {each}")
            return
        for index, one in enumerate(value):
            if field.record:
                yield from _nested(field, one, f"{key}[{index}]", inputs)
            else:
                yield from _leaf(field, one, key, inputs)
    elif field.record:
        yield from _nested(field, value, key, inputs)
    else:
        yield from _leaf(field, value, key, inputs)


def _nested(field: Field, value: Any, at: str, inputs: Data) -> Iterator[Problem]:
    if is_unknown(value):
        return
    if isinstance(value, Mapping):
        yield from _record(field.of, value, f"{at}.", inputs)
    else:
        yield Problem(at, f"{_shown(value)} is not {_form(field)}")


def _leaf(field: Field, value: Any, key: str, inputs: Data) -> Iterator[Problem]:
    known = revealed(field, value)
    if known is UNKNOWN:
        return
    if not _fits(field.check, known):
        yield Problem(key, f"{_shown(value)} is not {field.check.form}")
    elif field.key.among is not None:
        section = inputs.get(field.key.among)
        # A section that is unknown, or no map, has no names to compare with.
        if (isinstance(section, Mapping) or section is None) and known not in (section or {}):
            near = difflib.get_close_matches(str(known), section or {}, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield Problem(key, f"{_shown(value, plain=True)} is not among {field.key.among}{hint}")


def _fits(check: Check, value: Any) -> bool:
    try:
        return check.fits(value)
    except (AttributeError, TypeError):  # a check of texts was given something else
        return False


def _shown(value: Any, plain: bool = False) -> str:
    if isinstance(value, Secret):
        return "this secret"
    if isinstance(value, Mapping | list | tuple):
        # Its leaves may be secrets.
        return "this map" if isinstance(value, Mapping) else "this list" if value else "an empty list"
    return str(value) if plain else repr(value)


def _form(field: Field) -> str:
    return f"a map of {_keys(field)}" if field.record else field.check.form


def _keys(field: Field) -> str:
    return ", ".join(one.wire for one in fields_of(field.of))


def _unknown_keys(kind: type, data: Iterable[str], at: str) -> Iterator[Problem]:
    known = {field.wire for field in fields_of(kind)}
    former = {field.key.formerly: field.wire for field in fields_of(kind) if field.key.formerly}
    for key in data:
        if key in former:
            yield Problem(f"{at}{key}", f"was renamed: use {former[key]}")
        elif key not in known and not key.startswith("__"):  # the engine's own
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
            yield Problem(f"{at}{key}", f"is not a known key; {hint}")


def _one_content(file: Data, at: str) -> Iterator[Problem]:
    if file.get("block") is not True and (file.get("content") is None) == (file.get("source") is None):
        yield Problem(at.removesuffix("."), "needs either content or source")
    elif file.get("block") is True and file.get("content") is None:
        yield Problem(at.removesuffix("."), "needs content: the lines of the block")
    elif file.get("block") is True and isinstance(file.get("content"), Secret):
        yield Problem(f"{at}content", "is a secret: the lines of a block are read back and shown; use a whole file")


def _self_reload(reaction: Data, at: str) -> Iterator[Problem]:
    if reaction.get("action") == Action.SELF_RELOAD:
        for key, what in (
            ("servedAt", "host:port where the certificate is served"),
            ("certificate", "the path of the certificate that is served"),
        ):
            if reaction.get(key) is None:
                yield Problem(f"{at}{key}", f"is missing: self-reload needs {what}")


def _login(endpoint: Data, at: str) -> Iterator[Problem]:
    if (
        endpoint.get("privateKey") is None
        and endpoint.get("agent") is not True
        and not is_unknown(endpoint.get("agent"))
    ):
        yield Problem(f"{at}privateKey", f"is missing: {PRIVATE_KEY.form}, or agent: true")
    if endpoint.get("hostKey") is None and endpoint.get("hostCaKey") is None:
        yield Problem(f"{at}hostKey", f"is missing: {HOST_KEY.form}; or hostCaKey")


def _both(inputs: Data) -> Iterator[Problem]:
    files, directories = inputs.get("files"), inputs.get("directories")
    if isinstance(files, Mapping) and isinstance(directories, Mapping):
        for path in sorted(files.keys() & directories.keys()):
            yield Problem(f'files["{path}"]', "is among directories too: a path is either a file or a directory")


RULES: dict[type, tuple[Callable[[Data, str], Iterator[Problem]], ...]] = {
    File: (_one_content,),
    Reaction: (_self_reload,),
    Endpoint: (_login,),
    Connection: (_login,),
}
"""Rules about several fields of one record."""
