"""Rollout groups and the scripts before a unit starts and before it goes, under a real systemd."""

from __future__ import annotations

import pytest
from pulumi import automation

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import UNIT, said, serve


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up, in a group whose guard asks for a file."""
    serve(remote)
    remote.extra["rollout"] = {"group": "proof", "guard": "test -e /run/whole || { echo half of it; exit 1; }"}
    remote.extra["prepare"] = [{"unit": UNIT, "script": "test ! -e /run/unfit || { echo not fit >&2; exit 1; }\n"}]
    remote.extra["leave"] = [{"unit": UNIT, "script": "test ! -e /run/needed || { echo needed >&2; exit 1; }\n"}]
    remote.up()
    return remote


def test_a_guard_lets_no_change_in_where_the_group_is_not_whole(served: Bench, systemd: Container) -> None:
    systemd.run("rm -f /run/whole")
    before = systemd.started(UNIT)
    served.text("server.conf", "WORD=two\n")
    with pytest.raises(automation.CommandError) as refused:
        served.preview(refresh=False)
    assert "n1: rollout group proof is not whole ahead of the change; it would be refused." in str(refused.value)
    assert "half of it" in str(refused.value)
    failure = served.fails()
    assert "n1: rollout group proof is not whole before the change; nothing was changed on this node" in failure
    assert "half of it" in failure
    assert said(systemd) == "one"
    systemd.run("touch /run/whole")
    assert "n1: takes its turn in rollout group proof: one at a time" in served.preview(refresh=False)
    served.operations()
    served.up()
    turn = [one["op"] for one in served.operations() if one["op"] != "read"]
    assert turn[0] == turn[-1] == "guard"
    assert said(systemd) == "two"
    assert systemd.started(UNIT) != before


def test_a_preview_refuses_that_a_node_leaves_whom_the_group_needs(served: Bench, systemd: Container) -> None:
    systemd.run("touch /run/whole; rm -f /run/enough")
    rollout = served.extra["rollout"]
    rollout |= {"members": ["n1", "n2", "n3"], "remaining": "test -e /run/enough || { echo one of them; exit 1; }"}
    assert "(update)" in served.preview(refresh=False), "who joins asks nobody"
    served.up()
    rollout["members"] = ["n1", "n2"]
    with pytest.raises(automation.CommandError) as refused:
        served.preview(refresh=False)
    assert (
        "n1: rollout group proof is not whole without n3; a removal would be refused. "
        "Bring back what is missing first: one of them"
    ) in str(refused.value)
    systemd.run("touch /run/enough")
    before = systemd.started(UNIT)
    served.operations()
    served.preview(refresh=False)
    assert [one["op"] for one in served.operations()] == ["foresee"]
    served.up()
    assert served.operations() == [], "who stays is not touched"
    assert systemd.started(UNIT) == before


def test_what_restarts_nothing_asks_no_guard(served: Bench, systemd: Container) -> None:
    systemd.run("rm -f /run/whole")
    served.text("reread.conf", "2\n")
    served.operations()
    served.up()
    assert "guard" not in {one["op"] for one in served.operations()}


def test_a_unit_that_cannot_be_prepared_runs_on_with_its_previous_files(served: Bench, systemd: Container) -> None:
    systemd.run("touch /run/whole /run/unfit")
    served.text("server.conf", "WORD=two\n")
    failure = served.fails()
    assert "n1: proof.service is not started, since it cannot be prepared: not fit" in failure
    assert "n1: the previous files were put back" in failure
    assert said(systemd) == "one"
    systemd.run("rm /run/unfit")
    served.up()
    assert said(systemd) == "two"


def test_what_may_not_leave_stays_whole(served: Bench, systemd: Container) -> None:
    systemd.run("touch /run/needed")
    connection = served.connections.pop("n1")
    failure = served.fails()
    assert "n1: proof.service cannot go, nothing was removed: needed" in failure
    assert said(systemd) == "one"
    systemd.run("rm /run/needed")
    served.up()
    assert systemd.state(UNIT) != "active"
    served.connections["n1"] = connection
