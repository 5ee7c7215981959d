"""An approved plan, carried to the update by the engine: it is bound to the nodes as they were observed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi import automation

from tests.provider.conftest import MARKER, Bench, Secret
from tests.provider.container import Container
from tests.provider.service import UNIT, said, serve


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up; and a plan that restarts it."""
    serve(remote)
    remote.text("server.conf", "WORD=two\n")
    return remote


def saved(bench: Bench) -> Path:
    """The file of a saved plan."""
    plan = bench.folder / "plan.json"
    bench.stack.preview(plan=str(plan), refresh=True, on_output=bench.printed.append, color="never")
    return plan


def carry(bench: Bench, plan: Path) -> None:
    """Runs `up --plan`."""
    bench.stack.up(plan=str(plan), refresh=True, on_output=bench.printed.append, color="never")


def test_saved_plan_goes_through_on_an_unchanged_node(served: Bench, systemd: Container) -> None:
    served.text("key", Secret(f"{MARKER}-new\n"), mode="0600")
    plan = saved(served)
    assert MARKER not in plan.read_text()
    assert str(served.connection["privateKey"]).splitlines()[1] not in plan.read_text()
    assert '"observed"' in plan.read_text()
    carry(served, plan)
    assert said(systemd) == "two"
    assert served.up(refresh=True) == {"same": 2}
    assert '"observed"' not in served.state(), "a stored digest would age"


@pytest.mark.parametrize(
    ("hand", "named"),
    [
        ("echo WORD=hand >/etc/proof/server.conf", "/etc/proof/server.conf"),
        ("echo 9 >/etc/proof/reread.conf", "/etc/proof/reread.conf"),
        (f"systemctl stop {UNIT}", f"unit {UNIT}"),
    ],
    ids=["planned-file", "other-file", "unit"],
)
def test_saved_plan_is_refused_on_a_changed_node(served: Bench, systemd: Container, hand: str, named: str) -> None:
    plan = saved(served)
    systemd.run(hand)
    before = systemd.started(UNIT)
    served.operations()
    with pytest.raises(automation.CommandError) as refused:
        carry(served, plan)
    assert "n1-proof violates plan" in str(refused.value)
    assert named in str(refused.value)
    assert {one["op"] for one in served.operations()} == {"read"}, "no unit is disrupted"
    assert systemd.started(UNIT) == before
    assert "observed" not in served.preview().partition("(update)")[2]
    served.up(refresh=True)
    assert said(systemd) == "two"


def test_saved_plan_of_a_replacement_removes_nothing_on_a_changed_node(served: Bench, systemd: Container) -> None:
    """Its deletion comes first: it would have run before the creation is refused."""
    served.extra["machineId"] = "machine-2"
    plan = saved(served)
    systemd.run("echo WORD=hand >/etc/proof/server.conf")
    before = systemd.started(UNIT)
    with pytest.raises(automation.CommandError) as refused:
        carry(served, plan)
    assert "n1-proof violates plan" in str(refused.value)
    assert "/etc/proof/server.conf" in str(refused.value)
    assert systemd.started(UNIT) == before
    assert said(systemd) == "one"
    plan = saved(served)
    carry(served, plan)
    assert said(systemd) == "two"
    assert served.up(refresh=True) == {"same": 2}


def test_plan_without_disruption_is_not_bound_unless_asked(served: Bench) -> None:
    served.text("server.conf", "WORD=one\n")
    served.text("plain.conf", "1\n")
    assert '"observed"' not in saved(served).read_text()
    served.variables["PLUMBLINE_BIND"] = "all"
    assert '"observed"' in saved(served).read_text()
