"""Flags that a stack sets for the control plane's programs: checks of names and values, and their written form."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cluster import versions
from cluster.config import flags
from cluster.config.flags import ETCD, Kind
from cluster.config.kubelet_values import duration
from cluster.config.owned_flags import BANNED, NEEDED, OWNED
from cluster.config.reader import describe

Flags = Mapping[str, str | tuple[str, ...]]
"""The values of flags by name; several if the flag is given several times."""

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
FORMS: Mapping[Kind, tuple[str, Callable[[str], object]]] = {
    Kind.BOOLEAN: ("true or false", lambda text: text in ("true", "false")),
    Kind.INTEGER: ("a whole number", INTEGER.fullmatch),
    Kind.NUMBER: ("a number", NUMBER.fullmatch),
    Kind.DURATION: ("a duration such as 1m30s", lambda text: duration(text) is None),
}


def check_flags(program: str, arguments: Mapping[str, Any], kubernetes: str) -> Iterator[tuple[str, str]]:
    """Yields the errors of a program's flags by name: owned by the program, unknown in its version, or of another kind."""
    known = flags.load(program, kubernetes)
    for name, value in arguments.items():
        if name in OWNED[program]:
            yield name, f"is set by the program: {OWNED[program][name]}"
        elif name not in known:
            version = versions.ETCD if program == ETCD else kubernetes
            near = difflib.get_close_matches(name, [one for one in known if one not in OWNED[program]], n=1)
            yield name, f"is not a flag of {program} {version}{f'; did you mean {near[0]}?' if near else ''}"
        elif (wrong := _wrong(known[name], value)) is not None:
            yield name, wrong
        else:
            yield from _entries(program, name, value)


def flag_values(arguments: Mapping[str, Any]) -> Flags:
    """Checked flags, as their program reads them."""
    return {name: _written(value) for name, value in arguments.items()}


def _wrong(kind: Kind, value: Any) -> str | None:
    if value is None:
        return "is null: set a value, or remove the flag"
    if isinstance(value, Mapping):
        if kind is not Kind.MAP:
            return f"is an object, not {_form(kind)}"
        return next((wrong for one in value.values() if (wrong := _plain(one)) is not None), None)
    if isinstance(value, list):
        if kind not in (Kind.LIST, Kind.MAP):
            return f"is a list, not {_form(kind)}"
        return next((wrong for one in value if (wrong := _plain(one)) is not None), None)
    if (wrong := _plain(value)) is not None:
        return wrong
    if kind in FORMS and not FORMS[kind][1](str(_scalar(value))):
        return (
            f"is {describe(value)}, not {_form(kind)}"
            if not isinstance(value, str)
            else f"'{value}' is not {_form(kind)}"
        )
    return None


def _form(kind: Kind) -> str:
    return (
        FORMS[kind][0]
        if kind in FORMS
        else {Kind.LIST: "text or a list", Kind.MAP: "text or an object"}.get(kind, "text")
    )


def _plain(value: Any) -> str | None:
    if not isinstance(value, str | int | float):
        return f"contains {describe(value)}, not text or a number"
    if isinstance(value, str) and not value.isprintable():
        return "contains a line break or a control character: remove it"
    return None


def _entries(program: str, name: str, value: Any) -> Iterator[tuple[str, str]]:
    written = _written(value)
    found = {one.strip() for text in ([written] if isinstance(written, str) else written) for one in text.split(",")}
    if missing := [one for one in NEEDED.get(program, {}).get(name, ()) if one not in found]:
        yield name, f"lacks {', '.join(missing)}: the nodes' permissions depend on it"
    if banned := [one for one in BANNED.get(program, {}).get(name, ()) if one in found]:
        yield name, f"contains {', '.join(banned)}: the nodes' permissions depend on it"


def _written(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_scalar(one)}" for key, one in value.items())
    if isinstance(value, list):
        return tuple(_scalar(one) for one in value)
    return _scalar(value)


def _scalar(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
