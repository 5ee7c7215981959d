"""The observations of a run: which nodes are asked, how often, and what a node that cannot be read is planned as."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from nodestate import Connection, File, NodeStateInputs, Secret
from provider.engine import Engine
from provider.errors import Refused, Unreachable
from provider.observations import Observations, covers
from provider.observe import Request
from provider.observed import Observed
from provider.ssh import SshPool, SshSession


class Warnings:
    """Keeps what the engine would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def warn(self, urn: str, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(
    ("answering", "asked"), [(set(), 2), ({"n0"}, 6), ({"n1"}, 6)], ids=["none", "first", "second"]
)
def test_no_more_nodes_are_asked_where_none_answers(
    monkeypatch: pytest.MonkeyPatch, answering: set[str], asked: int
) -> None:
    dialled: list[str] = []

    async def observe(_: Any, session: SshSession, request: Request) -> Observed:
        dialled.append(session.name)
        if session.name not in answering:
            raise Unreachable(f"{session.name}: no answer")
        return Observed.nothing(request.wanted)

    monkeypatch.setattr("provider.observe.NodeReader.observe", observe)
    engine, pool = Warnings(), SshPool()
    observations = Observations(cast(Engine, engine))

    async def all_nodes() -> None:
        for number in range(6):
            name = f"n{number}"
            connection = Connection(f"10.0.0.{number}", Secret("k"), "ssh-ed25519 AAAA")
            wanted = replace(NodeStateInputs(node=name, connection=connection))
            await observations.once(pool.session(name, connection), Request(wanted, name, {}), "urn")

    asyncio.run(all_nodes())
    assert len(dialled) == asked
    assert len(engine.lines) == asked - len(answering)


def test_a_new_node_that_answers_and_cannot_be_read_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def observe(_: Any, session: SshSession, request: Request) -> Observed:
        raise Refused(f"{session.name}: 10.0.0.1:22 refuses user core")

    async def answers(_: SshSession, seconds: float) -> bool:
        return True

    monkeypatch.setattr("provider.observe.NodeReader.observe", observe)
    monkeypatch.setattr(SshSession, "answers", answers)
    engine, pool = Warnings(), SshPool()
    observations = Observations(cast(Engine, engine))

    async def components() -> None:
        for component in ("n1-network", "n1-kubelet"):
            connection = Connection("10.0.0.1", Secret("k"), "ssh-ed25519 AAAA")
            request = Request(NodeStateInputs(node="n1", connection=connection), component, {})
            assert await observations.glance(pool.session("n1", connection), request, "urn") is None

    asyncio.run(components())
    assert engine.lines == ["n1: 10.0.0.1:22 refuses user core: the plan is that of an empty machine"]


@pytest.mark.parametrize(
    ("seen", "wanted", "covered"),
    [
        (Secret("one"), Secret("one"), True),
        (Secret("one"), Secret("two"), False),
        ("one", "two", True),
        (Secret("one"), "one", False),
    ],
    ids=["same-secret", "other-secret", "other-text", "no-secret-any-more"],
)
def test_another_secret_is_asked_for_again(seen: Any, wanted: Any, covered: bool) -> None:
    states = [
        NodeStateInputs(
            node="n1", connection=Connection("h", Secret("k"), "ssh-ed25519 AAAA"), files={"/f": File(content)}
        )
        for content in (seen, wanted)
    ]
    assert covers(*states) is covered
