"""A Secret gives its text by `reveal` only."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, astuple, replace
from typing import Any

import pytest

from nodestate import UNKNOWN, Connection, File, NodeState, Secret, problems, to_wire

TEXT = "s3cret-Marker"
SECRET = Secret(TEXT)
CONNECTION = Connection("h", SECRET, "ssh-ed25519 AAAA")
STATE = NodeState(files={"/key": File(SECRET, mode="0600")})

SHOWN: dict[str, Callable[[], Any]] = {
    "str": lambda: str(SECRET),
    "repr": lambda: repr(SECRET),
    "format": lambda: f"{SECRET} {SECRET:>40} {SECRET!s} {SECRET!r}",
    "percent": lambda: "%s %r" % (SECRET, SECRET),  # noqa: UP031 - one more way to format
    "container": lambda: f"{[SECRET]} {({'key': SECRET},)}",
    "copy": lambda: f"{copy.copy(SECRET)} {copy.deepcopy([SECRET])}",
    "record": lambda: f"{CONNECTION} {STATE!r}",
    "asdict": lambda: f"{asdict(STATE)} {asdict(CONNECTION)}",
    "astuple": lambda: f"{astuple(STATE)} {astuple(CONNECTION)}",
    "replace": lambda: replace(CONNECTION, host="other"),
    "wire": lambda: to_wire(CONNECTION),
    "exception": lambda: "".join(traceback.format_exception(ValueError(SECRET, CONNECTION))),
    "directory": lambda: dir(SECRET),
    "problems": lambda: problems(
        {"files": {"/key": {"content": "x", "mode": SECRET}}, "node": [SECRET], "units": SECRET}
    ),
}


@pytest.mark.parametrize("way", SHOWN)
def test_secret_is_not_shown(way: str) -> None:
    assert TEXT not in str(SHOWN[way]())


@pytest.mark.parametrize(
    "way",
    [
        lambda: json.dumps(SECRET),
        lambda: pickle.dumps(SECRET),
        lambda: vars(SECRET),
        lambda: "".join([SECRET]),  # type: ignore[list-item]
        lambda: "a" + SECRET,  # type: ignore[operator]
        lambda: len(SECRET),  # type: ignore[arg-type]
        lambda: list(SECRET),  # type: ignore[call-overload]
        lambda: Secret("a") > SECRET,  # type: ignore[operator]
    ],
    ids=["json", "pickle", "vars", "join", "add", "len", "iterate", "order"],
)
def test_secret_refuses_to_be_used_as_text(way: Callable[[], Any]) -> None:
    with pytest.raises(TypeError) as raised:
        way()
    assert TEXT not in str(raised.value)


def test_secret_reveals_its_text() -> None:
    assert SECRET.reveal() == TEXT


def test_secret_equals_a_secret_of_the_same_text_only() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret(UNKNOWN) != Secret(UNKNOWN)
    assert Secret(UNKNOWN) != Secret("a")


def test_secret_that_is_unknown_has_no_text() -> None:
    assert not Secret(UNKNOWN).known
    with pytest.raises(ValueError, match="not known before the run"):
        Secret(UNKNOWN).reveal()


def test_unknown_is_false_and_equals_only_itself() -> None:
    assert not UNKNOWN
    assert copy.deepcopy(UNKNOWN) == UNKNOWN
    others: list[object] = ["", None, False, 0, "UNKNOWN"]
    assert UNKNOWN not in others
