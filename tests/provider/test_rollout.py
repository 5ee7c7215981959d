"""Rollout groups and hooks under a real systemd."""

from __future__ import annotations

import pytest
from pulumi import automation

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import UNIT, said, serve


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up, in a rollout group whose health check tests for a file."""
    serve(remote)
    remote.extra["rollout"] = {"group": "proof", "healthCheck": "test -e /run/whole || { echo half of it; exit 1; }"}
    remote.extra["preStart"] = [{"unit": UNIT, "script": "test ! -e /run/unfit || { echo not fit >&2; exit 1; }\n"}]
    remote.extra["preDelete"] = [{"unit": UNIT, "script": "test ! -e /run/needed || { echo needed >&2; exit 1; }\n"}]
    remote.up()
    return remote


def test_health_check_refuses_a_change_of_an_unhealthy_group(served: Bench, systemd: Container) -> None:
    systemd.run("rm -f /run/whole")
    before = systemd.started(UNIT)
    served.text("server.conf", "WORD=two\n")
    with pytest.raises(automation.CommandError) as refused:
        served.preview(refresh=False)
    assert "n1: rollout group proof is unhealthy ahead of the change; the update would be refused." in str(
        refused.value
    )
    assert "half of it" in str(refused.value)
    failure = served.fails()
    assert "n1: rollout group proof is unhealthy before the change; nothing was changed on this node" in failure
    assert "half of it" in failure
    assert said(systemd) == "one"
    systemd.run("touch /run/whole")
    assert "n1: waits for a slot in rollout group proof: one at a time" in served.preview(refresh=False)
    served.operations()
    served.up()
    operations = [one["op"] for one in served.operations() if one["op"] != "read"]
    assert operations[0] == "health-check"
    assert operations[-2:] == ["health-check", "finish"], "until then the change can be undone"
    assert said(systemd) == "two"
    assert systemd.started(UNIT) != before


def test_removal_check_refuses_a_removal_in_the_preview(served: Bench, systemd: Container) -> None:
    systemd.run("touch /run/whole; rm -f /run/enough")
    rollout = served.extra["rollout"]
    rollout |= {"members": ["n1", "n2", "n3"], "removalCheck": "test -e /run/enough || { echo one of them; exit 1; }"}
    assert "(update)" in served.preview(refresh=False), "a node that joins needs no check"
    served.up()
    rollout["members"] = ["n1", "n2"]
    with pytest.raises(automation.CommandError) as refused:
        served.preview(refresh=False)
    assert (
        "n1: rollout group proof is unhealthy without n3; the removal would be refused. "
        "First bring back the missing nodes: one of them"
    ) in str(refused.value)
    systemd.run("touch /run/enough")
    before = systemd.started(UNIT)
    served.operations()
    served.preview(refresh=False)
    assert [one["op"] for one in served.operations()] == ["read", "preview-check"]
    served.up()
    assert {one["op"] for one in served.operations()} == {"read"}, "a node that stays is not touched"
    assert systemd.started(UNIT) == before


def test_health_check_does_not_run_for_a_reload(served: Bench, systemd: Container) -> None:
    systemd.run("rm -f /run/whole")
    served.text("reread.conf", "2\n")
    served.operations()
    served.up()
    assert "health-check" not in {one["op"] for one in served.operations()}


def test_pre_start_hook_that_fails_rolls_back(served: Bench, systemd: Container) -> None:
    systemd.run("touch /run/whole /run/unfit")
    served.text("server.conf", "WORD=two\n")
    failure = served.fails()
    assert "n1: proof.service is not started: its pre-start hook failed: not fit" in failure
    assert "n1: the previous files were put back" in failure
    assert said(systemd) == "one"
    systemd.run("rm /run/unfit")
    served.up()
    assert said(systemd) == "two"


def test_pre_delete_hook_that_fails_keeps_everything(served: Bench, systemd: Container) -> None:
    systemd.run("touch /run/needed")
    connection = served.connections.pop("n1")
    failure = served.fails()
    assert "n1: proof.service is not removed, and nothing else was: its pre-delete hook failed: needed" in failure
    assert said(systemd) == "one"
    systemd.run("rm /run/needed")
    served.up()
    assert systemd.state(UNIT) != "active"
    served.connections["n1"] = connection
