"""Reads a stack's file without the engine, for commands that need no engine."""

from __future__ import annotations

import json
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


def parsed(value: Any) -> Any:
    """A value as the program gets it: objects and lists arrive as JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
