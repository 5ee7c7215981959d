"""Reads a stack's file without the engine, for commands that need no engine."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
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


def secret_paths(file: Path, keys: Collection[str]) -> set[str]:
    """The paths of config secrets below these keys, which the engine knows to hold some.

    A key of which the file does not tell, such as one of another file, is a secret as a whole.
    """
    try:
        values = stack_values(file)
    except (OSError, ValueError, yaml.YAMLError, AttributeError):
        values = {}
    found = set()
    for key in keys:
        found |= set(_secure(values.get(key), key)) or {key}
    return found


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
