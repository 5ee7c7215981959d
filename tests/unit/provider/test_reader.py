"""Reads of one node that are asked for at once: how many round trips, and what a failure does to those that wait."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from provider.model import Content, File, NodeError, State
from provider.observe import Reader, Request
from provider.transport import Result


class Machine:
    """A node that answers each read with what it was asked for, each file as it should be."""

    name = "m1"

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.more: list[str] = []
        self.scripts: list[str] = []
        self.reading = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def reach(self) -> None:
        await asyncio.sleep(0)

    async def run(self, purpose: str, script: str, **_: Any) -> Result:
        self.scripts.append(script)
        self.reading.set()
        await self.go_on.wait()
        if self.failures:
            raise NodeError(self.failures.pop(0))
        printed = [
            line
            for path in paths(script)
            for line in (f"found\tregular file\t0644\troot\troot\t0\t0\t{path}", f"same\t{path}")
        ]
        return Result(0, "\n".join([*printed, *self.more, "pending\tm1-b\ttidy", "end"]), "")


def paths(script: str) -> list[str]:
    return re.findall(r"^expect (\S+)", script, re.MULTILINE)


def request(concern: str, *files: str) -> Request:
    wanted = {path: File(Content(f"text of {concern}"), None, "0644", "root", "root") for path in files}
    return Request(State("m1", "m1", wanted, {}, {}, (), ()), concern, {})


def read(machine: Machine, *requests: Request) -> list[State | BaseException]:
    async def together() -> list[State | BaseException]:
        reader = Reader()
        asked = [reader.observe(machine, one) for one in requests]  # type: ignore[arg-type]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

    return asyncio.run(together())


def test_what_is_asked_at_once_is_read_at_once() -> None:
    machine = Machine()
    requests = [request("m1-a", "/a"), request("m1-b", "/b"), request("m1-c", "/c")]
    found = read(machine, *requests)
    assert [paths(script) for script in machine.scripts] == [["/a", "/b", "/c"]]
    assert [sorted(one.files) for one in found if isinstance(one, State)] == [["/a"], ["/b"], ["/c"]]
    assert [one.pending for one in found if isinstance(one, State)] == [(), ("tidy",), ()], "each has its own notes"


def test_two_that_name_the_same_path_are_read_one_after_another() -> None:
    machine = Machine()
    found = read(machine, request("m1-a", "/a", "/b"), request("m1-b", "/b"), request("m1-c", "/c"))
    assert [paths(script) for script in machine.scripts] == [["/a", "/b"], ["/b", "/c"]]
    assert [one.files["/b"].content for one in found[:2] if isinstance(one, State)] == [
        Content("text of m1-a"),
        Content("text of m1-b"),
    ]


def test_a_failure_reaches_all_who_waited_for_it() -> None:
    machine = Machine("m1: the connection broke")
    found = read(machine, request("m1-a", "/a"), request("m1-b", "/b"))
    assert [str(one) for one in found] == ["m1: the connection broke"] * 2
    assert len(machine.scripts) == 1


def test_a_unit_that_nobody_asked_for_is_no_answer() -> None:
    machine = Machine()
    machine.more = ["unit\tId=stray.service"]
    found = read(machine, request("m1-a", "/a"))
    assert [str(one) for one in found] == ["m1: reading its state ended early: run pulumi again"]


def test_who_reads_for_all_and_is_cancelled_leaves_the_others_their_answer() -> None:
    async def scene() -> State:
        machine, reader = Machine(), Reader()
        machine.go_on.clear()
        first = asyncio.create_task(reader.observe(machine, request("m1-a", "/a")))  # type: ignore[arg-type]
        second = asyncio.create_task(reader.observe(machine, request("m1-b", "/b")))  # type: ignore[arg-type]
        await machine.reading.wait()
        first.cancel()
        machine.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await asyncio.wait_for(second, 10)

    assert sorted(asyncio.run(scene()).files) == ["/b"]
