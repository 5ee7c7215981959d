"""Concurrent reads of one node: the number of round trips, and the effect of a failure on joined requests."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from nodestate import Connection, Directory, File, Foreign, NodeStateInputs, Secret
from provider.errors import NodeError
from provider.observe import NodeReader, Request
from provider.observed import Observed
from provider.ssh import Result


class Machine:
    """A node that reports every file as expected."""

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
        report = "\n".join([*printed, *self.more, "journal\tm1-b\trun\tr1", "end"])
        return Result(0, report, report, "")


def paths(script: str) -> list[str]:
    return re.findall(r"^path=(\S+) .*expect_file$", script, re.MULTILINE)


def request(component: str, *files: str) -> Request:
    wanted = {path: File(f"text of {component}") for path in files}
    connection = Connection("m1", Secret("key"), "ssh-ed25519 AAAA")
    return Request(NodeStateInputs(node="m1", machine_id="m1", connection=connection, files=wanted), component, {})


def read(machine: Machine, *requests: Request) -> list[Observed | BaseException]:
    async def together() -> list[Observed | BaseException]:
        reader = NodeReader()
        asked = [reader.observe(machine, one) for one in requests]  # type: ignore[arg-type]
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

    return asyncio.run(together())


def test_node_reader_joins_concurrent_requests() -> None:
    machine = Machine()
    requests = [request("m1-a", "/a"), request("m1-b", "/b"), request("m1-c", "/c")]
    found = read(machine, *requests)
    assert [paths(script) for script in machine.scripts] == [["/a", "/b", "/c"]]
    assert [sorted(one.files) for one in found if isinstance(one, Observed)] == [["/a"], ["/b"], ["/c"]]
    assert [len(one.journal) for one in found if isinstance(one, Observed)] == [0, 1, 0], "each has its own journal"


def test_node_reader_separates_requests_for_the_same_path() -> None:
    machine = Machine()
    found = read(machine, request("m1-a", "/a", "/b"), request("m1-b", "/b"), request("m1-c", "/c"))
    assert [paths(script) for script in machine.scripts] == [["/a", "/b"], ["/b", "/c"]]
    assert [one.files["/b"].content for one in found[:2] if isinstance(one, Observed)] == [
        "text of m1-a",
        "text of m1-b",
    ]


def test_entries_of_components_that_take_no_part_are_not_foreign() -> None:
    machine = Machine()
    folder = Directory("0700", foreign=Foreign.REMOVED, known=("/d/known",))
    machine.more = [
        "found\tdirectory\t0700\troot\troot\t0\t0\t1\t/d",
        *(f"entry\t/d/{name}" for name in ("known", "foreign", "a")),
        "owned\tm1-a\t/d",
    ]
    asked = request("m1-a", "/d/a")
    [found] = read(machine, replace(asked, wanted=replace(asked.wanted, directories={"/d": folder})))
    assert isinstance(found, Observed)
    assert found.directories["/d"].entries == ("/d/foreign",)
    assert found.directories["/d"].known == ("/d/known",)


def test_node_reader_fails_all_joined_requests() -> None:
    machine = Machine("m1: the connection broke")
    found = read(machine, request("m1-a", "/a"), request("m1-b", "/b"))
    assert [str(one) for one in found] == ["m1: the connection broke"] * 2
    assert len(machine.scripts) == 1


def test_observe_refuses_a_report_with_a_stray_unit() -> None:
    machine = Machine()
    machine.more = ["unit\tId=stray.service"]
    found = read(machine, request("m1-a", "/a"))
    assert [str(one) for one in found] == ["m1: reading its state ended early: run pulumi again"]


def test_node_reader_survives_the_cancellation_of_one_request() -> None:
    async def scene() -> Observed:
        machine, reader = Machine(), NodeReader()
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
