"""Secrets in a state as `pulumi stack export --show-secrets` prints it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""Key and value that mark a secret."""


class Encrypted(ValueError):
    """The state was exported without --show-secrets."""


def is_secret(value: Any) -> bool:
    """Whether the value is a secret."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def revealed(value: Mapping[str, Any]) -> Any:
    """The value of a secret. Raises Encrypted."""
    if "plaintext" not in value:
        raise Encrypted("the state has encrypted secrets: export it with --show-secrets")
    return json.loads(value["plaintext"])


def hidden(value: Any) -> dict[str, Any]:
    """The value as a secret."""
    return {SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def texts(value: Any, secret: bool, within: bool = False) -> Iterator[str]:
    """All texts in secrets, or all that are in none. Raises Encrypted."""
    if is_secret(value):
        yield from texts(revealed(value), secret, within=True)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one, secret, within)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, secret, within)
    elif isinstance(value, str) and secret == within:
        yield value
