"""Between Pulumi's property values and plain data with Secret and UNKNOWN leaves (nodestate/wire.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue, PropertyValueType

from nodestate import UNKNOWN, Secret, Unknown

Properties = Mapping[str, PropertyValue]
STAND_IN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
STAND_INS = frozenset(
    {
        STAND_IN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How the engine writes a value that is not known yet, by its kind (the first for a text): the Unknown*Value constants of
Pulumi's sdk/go/common/resource/plugin. The Python SDK neither reads nor writes them."""


def received(properties: Properties) -> dict[str, Any]:
    """The properties that the engine sent, as plain data. Members of a secret map or list are secrets, too."""
    return {key: _received(value, False) for key, value in properties.items()}


def _received(value: PropertyValue, secret: bool) -> Any:
    inner: Any = value.value
    secret = secret or value.is_secret
    if value.type == PropertyValueType.NULL:
        return None
    if value.type == PropertyValueType.COMPUTED or (isinstance(inner, str) and inner in STAND_INS):
        return Secret(UNKNOWN) if secret else UNKNOWN
    if isinstance(inner, Mapping):
        return {key: _received(one, secret) for key, one in inner.items()}
    if value.type == PropertyValueType.ARRAY:
        return [_received(one, secret) for one in inner]
    if isinstance(inner, float) and inner.is_integer():
        inner = int(inner)
    if not secret:
        return inner
    return Secret(inner if isinstance(inner, str) else json.dumps(inner, default=str))


def sent(data: Any) -> PropertyValue:
    """Plain data as the engine takes it."""
    if isinstance(data, Secret):
        return PropertyValue(data.reveal() if data.known else STAND_IN, is_secret=True)
    if isinstance(data, Unknown):
        return PropertyValue(STAND_IN)
    if isinstance(data, Mapping):
        return PropertyValue({key: sent(one) for key, one in data.items()})
    if isinstance(data, list | tuple):
        return PropertyValue([sent(one) for one in data])
    if isinstance(data, int) and not isinstance(data, bool):
        data = float(data)  # the engine has one kind of number
    return PropertyValue(data)
