"""A rollout group of several nodes on a real systemd: never two down, in order, and none after a failure."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import OWNED
from tests.provider.test_interruption import engines, wait_for

EVENTS = "/run/proof-events"
HOLD = """: >/run/proof-held
for i in $(seq 600); do [ ! -e /run/proof-go ] || break; sleep 0.1; done
[ -e /run/proof-go ] || exit 1
"""
"""A hook that holds a slot until /run/proof-go is there."""
SERVICE = """[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c '. /etc/proof/{node}/conf; sleep 0.3; [ "$WORD" != broken ] || exit 1; echo up {node} >>/run/proof-events; systemd-notify --ready; exec sleep infinity'
ExecStop=/bin/sh -c 'echo down {node} >>/run/proof-events'
[Install]
WantedBy=multi-user.target
"""


class Members(Bench):
    """Nodes that share one machine: each has its own service. `words` are their settings by node."""

    words: dict[str, str]
    machines: dict[str, str]
    order: tuple[str, ...]
    hooks: dict[str, list[dict[str, str]]]

    def _program(self) -> None:
        for node, word in self.words.items():
            connection = {
                **self.connections["n1"],
                "privateKey": pulumi.Output.secret(self.connections["n1"]["privateKey"]),
            }
            unit = f"/etc/systemd/system/{self.unit(node)}"
            conf = f"/etc/proof/{node}/conf"
            wanted: dict[str, Any] = {
                "node": node,
                "connection": connection,
                "machineId": self.machines.get(node, "machine-1"),
                "files": {
                    conf: {"content": f"WORD={word}\n", **OWNED},
                    unit: {"content": SERVICE.format(node=node), **OWNED},
                },
                "directories": {f"/etc/proof/{node}": {"mode": "0755", "owner": "root", "group": "root"}},
                "units": {self.unit(node): {"enabled": True, "active": True}},
                "reactions": [{"unit": self.unit(node), "action": "restart", "files": [conf, unit]}],
                "rollout": {"group": "proof", "maxUnavailable": 1, "members": list(self.order)},
                "preStart": self.hooks.get(node, []),
                "revision": None,
            }
            pulumi.CustomResource("plumbline:index:NodeState", f"{node}-proof", wanted)

    @staticmethod
    def unit(node: str) -> str:
        return f"proof-{node}.service"


@pytest.fixture
def members(tmp_path: Path, systemd: Container) -> Iterator[Members]:
    """Three members, up. The slots are not in the order of their names."""
    made = Members(tmp_path / "bench", {"n1": systemd}, Path("/etc/proof"))
    before = systemd.left()
    systemd.run("mkdir -p /etc/proof")  # no member's own
    made.order = ("n2", "n3", "n1")
    made.words, made.machines = dict.fromkeys(("n1", "n2", "n3"), "one"), {}
    made.hooks = {}
    made.up()
    systemd.run(f"rm -f {EVENTS}")
    yield made
    made.destroy()
    systemd.run("rmdir /etc/proof")
    assert systemd.left() == before


def events(systemd: Container) -> list[str]:
    """The stops and starts since this was last asked."""
    return systemd.run(f"cat {EVENTS} 2>/dev/null || true; rm -f {EVENTS}").splitlines()


def most_down(happened: list[str]) -> int:
    """How many members were down at a time."""
    down: set[str] = set()
    most = 0
    for event in happened:
        what, _, node = event.partition(" ")
        (down.add if what == "down" else down.discard)(node)
        most = max(most, len(down))
    return most


def test_members_restart_one_after_another_in_their_order(members: Members, systemd: Container) -> None:
    members.words = dict.fromkeys(members.words, "two")
    preview = members.preview()
    for slot, node in enumerate(members.order, 1):
        assert f"{node}: waits for a slot in rollout group proof" in preview
        assert f"(slot {slot} of 3)" in preview
    members.up(refresh=True)
    happened = events(systemd)
    assert happened == [f"{what} {node}" for node in members.order for what in ("down", "up")]
    assert most_down(happened) == 1


def begun(nodes: set[str], then: Callable[[], object]) -> Callable[[automation.EngineEvent], None]:
    """Notes events; calls `then` once the steps of these nodes have begun: they are announced by then, and wait."""
    missing = {f"{node}-proof" for node in nodes}

    def note(event: automation.EngineEvent) -> None:
        if event.resource_pre_event is not None and missing:
            missing.discard(event.resource_pre_event.metadata.urn.rpartition("::")[2])
            if not missing:
                then()

    return note


def test_first_interrupt_ends_after_the_present_slot(members: Members, systemd: Container) -> None:
    members.words = dict.fromkeys(members.words, "two")
    members.hooks["n2"] = [{"unit": members.unit("n2"), "script": HOLD}]
    begun: set[str] = set()
    failed: set[str] = set()

    def note(event: automation.EngineEvent) -> None:
        if event.resource_pre_event is not None:
            begun.add(event.resource_pre_event.metadata.urn.rpartition("::")[2])
        if event.res_op_failed_event is not None:
            failed.add(event.res_op_failed_event.metadata.urn.rpartition("::")[2])

    def interrupt() -> None:
        wait_for("the first slot", lambda: systemd.run("ls /run/proof-held 2>/dev/null || true") != "")
        wait_for("the steps of the others", lambda: {"n3-proof", "n1-proof"} <= begun)
        for pid in engines(members):
            os.kill(pid, signal.SIGINT)
        wait_for("the end of the others", lambda: failed == {"n3-proof", "n1-proof"})
        systemd.run("touch /run/proof-go")

    user = threading.Thread(target=interrupt)
    user.start()
    failure = members.fails(note)
    user.join()
    for node in ("n3", "n1"):
        assert f"{node}: not touched: the run was interrupted before its turn. Run pulumi again" in failure
    assert events(systemd) == ["down n2", "up n2"], "the slot that was under way went to its end"
    assert members.up(refresh=True) == {"same": 2, "update": 2}
    assert events(systemd) == ["down n3", "up n3", "down n1", "up n1"]
    systemd.run("rm /run/proof-held /run/proof-go")


def test_failure_of_the_second_leaves_the_third_untouched(members: Members, systemd: Container) -> None:
    members.words = {"n2": "two", "n3": "broken", "n1": "two"}
    before = systemd.started(members.unit("n1"))
    failure = members.fails()
    assert "n3: proof-n3.service is not ready" in failure
    assert "n1: not touched: n3 of rollout group proof failed before its slot; n2 is done" in failure
    assert systemd.started(members.unit("n1")) == before
    assert systemd.run("cat /etc/proof/n2/conf /etc/proof/n3/conf /etc/proof/n1/conf").split() == [
        "WORD=two",
        "WORD=one",
        "WORD=one",
    ]
    assert most_down(events(systemd)) == 1
    members.words = dict.fromkeys(members.words, "one")


def test_replacement_creation_and_deletion_take_slots(members: Members, systemd: Container) -> None:
    # n4 runs already, with another setting: its creation restarts it.
    members.order, members.words["n4"] = ("n1", "n2", "n3", "n4"), "one"
    members.up()
    exported = members.stack.export_stack()
    deployment = exported.deployment or {}
    kept = [one for one in deployment["resources"] if "n4-proof" not in one["urn"]]
    members.stack.import_stack(automation.Deployment(exported.version, {**deployment, "resources": kept}))
    events(systemd)
    members.order, members.machines = ("n1", "n2", "n4"), {"n2": "machine-2"}
    members.words = {"n1": "two", "n2": "two", "n4": "two"}
    counts = members.up(refresh=True)
    assert (counts["create"], counts["replace"], counts["update"], counts["delete"]) == (1, 1, 1, 1)
    happened = events(systemd)
    assert {event for event in happened if event.startswith("down")} == {f"down n{number}" for number in (1, 2, 3, 4)}
    assert most_down(happened) == 1
    assert happened[-1] == "down n3"


def test_more_replacements_than_may_be_unavailable_are_refused(members: Members, systemd: Container) -> None:
    members.machines = {"n1": "machine-2", "n2": "machine-2"}
    with pytest.raises(automation.CommandError) as refused:
        members.preview()
    failure = str(refused.value)
    assert (
        "n1, n2 of rollout group proof would be replaced in one plan, and only one may be unavailable at a time"
        in failure
    )
    assert events(systemd) == []
    members.machines = {}
