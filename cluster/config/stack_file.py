"""Reads a stack's file without the engine, for commands that need no engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PREFIX = "plumbline:"


def stack_values(file: Path) -> dict[str, Any]:
    """The program's values in Pulumi.<stack>.yaml by key, without namespace. Encrypted values stay encrypted.

    `pulumi config set` without --path writes an object as JSON text. Raises OSError and yaml.YAMLError.
    """
    values = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
    return {key.removeprefix(PREFIX): parsed(value) for key, value in values.items() if key.startswith(PREFIX)}


def secret_paths(file: Path, values: Mapping[str, Any]) -> set[str]:
    """The paths of config secrets in the values of keys that the engine knows to hold some.

    A key whose value is not that of the file, such as one of another file or of an environment, is a secret as a whole.
    """
    try:
        written = stack_values(file)
    except (OSError, ValueError, yaml.YAMLError, AttributeError):
        written = {}
    found = set()
    for key, value in values.items():
        found |= set(_secure(written.get(key), key)) if _same(written.get(key), value) else {key}
    return found


def _same(written: Any, value: Any) -> bool:
    """Whether the engine's value is the written one, secrets apart."""
    if isinstance(written, dict) and written.keys() == {"secure"}:
        return True
    if isinstance(written, dict) and isinstance(value, dict):
        return written.keys() == value.keys() and all(_same(one, value[key]) for key, one in written.items())
    if isinstance(written, list) and isinstance(value, list):
        return len(written) == len(value) and all(map(_same, written, value))
    return bool(written == value)


def _secure(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        if value.keys() == {"secure"}:
            yield path
            return
        for key, one in value.items():
            yield from _secure(one, f"{path}.{key}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _secure(one, f"{path}[{index}]")


def parsed(value: Any) -> Any:
    """A value as the program gets it: objects and lists arrive as JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
