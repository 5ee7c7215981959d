"""Property values of the engine, to plain data and back."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.provider.experimental.property_value import PropertyValue

from nodestate import UNKNOWN, Secret
from nodestate.wire import partly_unknown
from provider.values import STAND_IN, STAND_INS, received, sent

NUMBER_STAND_IN = "3eeb2bf0-c639-47a8-9e75-3b44932eb421"


def secret(value: Any) -> PropertyValue:
    return PropertyValue(value, is_secret=True)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (PropertyValue("text"), "text"),
        (PropertyValue(None), None),
        (PropertyValue(True), True),
        (PropertyValue(22.0), 22),
        (PropertyValue(2.5), 2.5),
        (PropertyValue([PropertyValue("a"), PropertyValue(None)]), ["a", None]),
        (PropertyValue({"a": PropertyValue({"b": PropertyValue(1.0)})}), {"a": {"b": 1}}),
        (secret("text"), Secret("text")),
        (secret(22.0), Secret("22")),
        (secret(True), Secret("true")),
        (secret({"a": PropertyValue([PropertyValue("b")])}), {"a": [Secret("b")]}),
        (PropertyValue.computed(), UNKNOWN),
        (PropertyValue(STAND_IN), UNKNOWN),
        (PropertyValue(NUMBER_STAND_IN), UNKNOWN),
    ],
)
def test_values_are_received_as_plain_data(value: PropertyValue, data: Any) -> None:
    found = received({"key": value})["key"]
    assert found == data
    assert type(found) is type(data)


@pytest.mark.parametrize("value", [secret(STAND_IN), secret({"a": PropertyValue(STAND_IN)})], ids=["leaf", "map"])
def test_values_that_are_unknown_secrets_stay_secret(value: PropertyValue) -> None:
    found = received({"key": value})["key"]
    leaf = found if isinstance(found, Secret) else found["a"]
    assert isinstance(leaf, Secret)
    assert partly_unknown(found)


def test_values_know_every_stand_in_of_the_engine() -> None:
    assert len(STAND_INS) == 7
    assert all(received({"key": PropertyValue(one)})["key"] is UNKNOWN for one in STAND_INS)


def test_values_are_sent_with_their_marks() -> None:
    found = sent({"a": ["b", 1, True, None], "c": Secret("d"), "e": UNKNOWN, "f": Secret(UNKNOWN)})
    assert found == PropertyValue(
        {
            "a": PropertyValue([PropertyValue("b"), PropertyValue(1.0), PropertyValue(True), PropertyValue(None)]),
            "c": secret("d"),
            "e": PropertyValue(STAND_IN),
            "f": secret(STAND_IN),
        }
    )
