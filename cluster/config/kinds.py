"""Reads declared sections: from text, numbers, lists and objects to the types of their fields."""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from cluster.config import syntax
from cluster.config.addresses import Host, IPAddress, IPNetwork
from cluster.config.declare import REQUIRED, Key, is_section, keys, rules
from cluster.config.model import Taint
from cluster.config.reader import Reader, describe
from nodestate import UNKNOWN, Secret, Text

T = TypeVar("T")


def address(text: str) -> IPAddress:
    """An IP address; IPv4 for now."""
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise ValueError(f"'{text}' is not an IPv4 address, such as 10.77.0.11") from None


def network(text: str) -> IPNetwork:
    """An IP network in CIDR form; IPv4 for now."""
    try:
        found = IPv4Network(text)
    except ValueError:
        form = "an IPv4 network in CIDR form with zero host bits"
        raise ValueError(f"'{text}' is not {form}, such as 10.77.0.0/24") from None
    if "/" not in text:
        raise ValueError(f"'{text}' has no prefix length, such as {text}/24")
    return found


def host(text: str) -> Host:
    """A DNS name or an IP address."""
    if syntax.dns_name(text) is None:
        return text
    try:
        return address(text)
    except ValueError:
        raise ValueError(f"'{text}' is neither a DNS domain nor an IPv4 address") from None


def path(text: str) -> Path:
    """A path; `~` and `~<user>` are home folders."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"'{text}' begins with the home folder of a user that does not exist") from None


def taint(text: str) -> Taint:
    """A taint, `key=value:Effect` or `key:Effect`."""
    if (wrong := syntax.taint(text)) is not None:
        raise ValueError(wrong)
    found, _, effect = text.rpartition(":")
    key, _, value = found.partition("=")
    return Taint(key, value, effect)


PARSERS: dict[Any, tuple[Callable[[str], Any], Any]] = {
    str: (str, ""),
    Path: (path, Path()),
    IPAddress: (address, IPv4Address(0)),
    IPNetwork: (network, IPv4Network((0, 32))),
    Host: (host, ""),
    Taint: (taint, Taint("", "", "")),
    Text: (str, ""),
}
"""Types that are written as text: their parser, and the value that is used after an error."""


def read(reader: Reader, cls: type[T], defaults: T | None = None, **given: Any) -> T:
    """A section, read from a reader's object. `defaults` replaces the declared defaults; `given` are other fields.

    Notes the errors of keys and rules. A key with an error gets its default, so that other checks can continue.
    """
    values = dict(given)
    for one in keys(cls):
        default = one.default if defaults is None else getattr(defaults, one.field)
        values[one.field] = found = _value(reader, one, default)
        reader.scope.values[reader.at(one.name)] = found
    section = cls(**values)
    names = {one.field: one.name for one in keys(cls)}
    for fields, check in rules(cls):
        if not any(reader.failed(names[one]) for one in fields) and (wrong := check(section)) is not None:
            reader.error(names[fields[0]], wrong)
    return section


def read_section(reader: Reader, key: str, cls: type[T], defaults: T | None = None) -> T:
    """The section below a key. Notes an error for each unknown key in it."""
    below = reader.object(key)
    section = read(below, cls, defaults)
    below.finish()
    return section


def element_type(kind: Any) -> Any:
    """The type of a list's entries, None if it is not a list."""
    bare = without_none(kind)
    return get_args(bare)[0] if get_origin(bare) is tuple else None


def entry_type(kind: Any) -> Any:
    """The section of each entry of a list or mapping; None if it has no sections."""
    bare = without_none(kind)
    arguments = get_args(bare)
    if get_origin(bare) is tuple:
        found = arguments[0]
    elif get_origin(bare) in (Mapping, dict):
        found = without_none(arguments[1])
    else:
        return None
    return found if is_section(found) else None


def without_none(kind: Any) -> Any:
    """A type without None, which is the value of a key that is not set."""
    if get_origin(kind) is not types.UnionType:
        return kind
    return functools.reduce(operator.or_, [one for one in get_args(kind) if one is not type(None)])


def _value(reader: Reader, one: Key, default: Any) -> Any:
    kind = without_none(one.type)
    if is_section(kind):
        return read_section(reader, one.name, kind, None if default is REQUIRED else default)
    if kind is Secret:
        return _secret(reader, one, default)
    if (section := entry_type(kind)) is not None:
        return (
            _section_list(reader, one, section, default)
            if get_origin(kind) is tuple
            else _section_map(reader, one, section)
        )
    if get_origin(kind) is tuple:
        return _list(reader, one, default)
    if get_origin(kind) in (Mapping, dict):
        return _mapping(reader, one)
    if kind == Text:
        return _secret_text(reader, one, default)
    if kind in (bool, int):
        return _plain(reader, one, kind, default)
    return _text(reader, one, kind, default)


def _plain(reader: Reader, one: Key, kind: type, default: Any) -> Any:
    value = reader.value(one.name, kind)
    if value is None:
        return default
    if one.least is not None and one.most is not None and not one.least <= value <= one.most:
        reader.error(one.name, f"{value} is not between {one.least} and {one.most}")
        return default
    return value


def _text(reader: Reader, one: Key, kind: Any, default: Any) -> Any:
    text = reader.value(one.name, str)
    choices = options(one, kind)
    parse, placeholder = (
        (lambda found: _choice(found, choices, kind), next(iter(choices.values()))) if choices else PARSERS[kind]
    )
    placeholder = placeholder if default is REQUIRED else default
    if text is None and one.derived is not None and not default:
        try:
            return parse(one.derived.text(reader.scope.values))
        except (KeyError, ValueError):
            return placeholder
    if text is None or (text == "" and one.required):
        if one.required and default is REQUIRED and (text == "" or not reader.has(one.name)):
            missing = one.missing or (f"one of {', '.join(choices)}" if choices else "")
            reader.error(one.name, f"is missing{': ' + missing if missing else ''}")
        return placeholder
    try:
        return _checked(one, parse(_clean(text)))
    except ValueError as error:
        reader.error(one.name, str(error))
        return placeholder


def _secret_text(reader: Reader, one: Key, default: Any) -> Any:
    """A text that may be a config secret. A secret that is still encrypted is one that is not known."""
    if reader.encrypted(one.name):
        return Secret(UNKNOWN)
    text = reader.value(one.name, str)
    if text is None:
        return default
    place = reader.at(one.name)
    secret = one.secret or reader.scope.is_secret(place)
    if one.secret and reader.scope.secrets is not None and not reader.scope.is_secret(place):
        reader.error(one.name, "is not a config secret: set it with `pulumi config set --secret --path`")
    try:
        value = _checked(one, _clean(text))
    except ValueError as error:
        reader.error(one.name, "is a secret that this key does not allow" if secret else str(error))
        return default
    return Secret(value) if secret else value


def options(one: Key, kind: Any) -> dict[str, Any]:
    """The texts that a key allows, each with its value; empty for free text."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        found: dict[str, Any] = {str(value): value for value in kind}
        return found | {alias: kind(value) for alias, value in one.choice_aliases.items()}
    return {choice: choice for choice in one.choices}


def _choice(text: str, choices: Mapping[str, Any], kind: Any) -> Any:
    if text not in choices:
        raise ValueError(f"'{text}' is not one of {', '.join(choices)}")
    return choices[text]


def _clean(text: str) -> str:
    """The text, if it can be a part of a path, a command or a file's line."""
    if "\0" in text:
        raise ValueError("contains a null byte: remove it")
    return text


def _checked(one: Key, value: Any) -> Any:
    if one.check is not None and (wrong := one.check.wrong(value)) is not None:
        raise ValueError(wrong)
    return value


def _list(reader: Reader, one: Key, default: Any) -> Any:
    if not reader.has(one.name):
        return default
    parse, _ = PARSERS[element_type(one.type)]
    found: dict[int, Any] = {}
    for index, text in enumerate(reader.value(one.name, list) or []):
        place = f"{one.name}[{index}]"
        if not isinstance(text, str):
            reader.error(place, f"is {describe(text)}, not text")
            continue
        try:
            value = _checked(one, parse(_clean(text)))
        except ValueError as error:
            reader.error(place, str(error))
            continue
        identity = one.identity or (lambda value: value)
        same = [earlier for earlier, other in found.items() if identity(other) == identity(value)]
        if same:
            reader.error(place, f"repeats {reader.at(one.name)}[{same[0]}]: remove one of them")
        found[index] = value
    return tuple(found.values())


def _secret(reader: Reader, one: Key, default: Any) -> Any:
    """A text that must be a config secret. No error shows it. Without the engine, it is encrypted still, and unknown."""
    if not reader.has(one.name):
        return default
    found = reader.plain(one.name)
    if isinstance(found, dict) and found.keys() == {"secure"} and not reader.scope.reads_files:
        return Secret(UNKNOWN)
    if not isinstance(found, str) or not found:
        reader.error(
            one.name, "is not a text: set it by `pulumi config set --secret --path`, in quotes if it is a number"
        )
    elif reader.scope.secrets is not None and not reader.scope.is_secret(reader.at(one.name)):
        where = f"plumbline:{reader.at(one.name)}"
        reader.error(one.name, f"is not encrypted: set it by `pulumi config set --secret --path '{where}'`")
    elif "\n" in found or "\0" in found:
        reader.error(one.name, "holds a line break: set one line")
    else:
        return Secret(found)
    return default


def _section_list(reader: Reader, one: Key, section: type, default: Any) -> Any:
    if not reader.has(one.name):
        return () if default is REQUIRED else default
    found: list[Any] = []
    for index, value in enumerate(reader.value(one.name, list) or []):
        place = f"{one.name}[{index}]"
        if not isinstance(value, dict):
            reader.error(place, f"is {describe(value)}, not an object")
            continue
        record = Reader(value, reader.scope, reader.at(place))
        found.append(read(record, section))
        record.finish()
    return tuple(found)


def _section_map(reader: Reader, one: Key, section: type) -> dict[str, Any]:
    """The sections by name. A name with null is kept: it takes away an entry of a wider level."""
    found: dict[str, Any] = {}
    below = reader.object(one.name)
    for name, value in reader.mapping(one.name).items():
        if one.each is not None and (wrong := one.each(name, "")) is not None:
            below.error(name, wrong)
        elif value is None:
            found[name] = None
        elif not isinstance(value, dict):
            below.error(name, f"is {describe(value)}, not an object")
        else:
            record = below.object(name, "<name>")
            found[name] = read(record, section)
            record.finish()
    return found


def _mapping(reader: Reader, one: Key) -> dict[str, Any]:
    values = reader.mapping(one.name)
    if one.each is None:
        return values
    good: dict[str, Any] = {}
    numbers = int in get_args(get_args(without_none(one.type))[1])
    for name, value in values.items():
        if numbers and value is None:
            good[name] = None
            continue
        if numbers and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            reader.error(f"{one.name}.{name}", f"{value!r} is not text: put it in quotes")
        elif (wrong := one.each(name, value)) is not None:
            reader.error(f"{one.name}.{name}", wrong)
        else:
            good[name] = value
    return good
