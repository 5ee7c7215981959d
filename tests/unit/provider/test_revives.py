"""Which plans need no slot because they disrupt nothing that serves."""

from __future__ import annotations

import pytest

from nodestate import Connection, NodeStateInputs, Secret
from provider.changes import UnitStep
from provider.observed import Observed, ObservedUnit
from provider.plan import Plan, repairs, revives

WANTED = NodeStateInputs(node="m1", connection=Connection("192.0.2.1", Secret("key"), "ssh-ed25519 AAAA"))
RESTART = Plan(steps=(UnitStep("a.service", "restart", "/etc/a changes"),))


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (ObservedUnit(), False),
        (ObservedUnit(starting=True), True),
        (ObservedUnit(active=False), True),
        (ObservedUnit(active=False, failed=True), True),
        (ObservedUnit(looping=True), True),
    ],
    ids=["runs", "starting", "stopped", "failed", "looping"],
)
def test_change_of_a_unit_needs_a_slot_only_if_it_serves(unit: ObservedUnit, expected: bool) -> None:
    found = Observed.of(WANTED, units={"a.service": unit})
    assert revives(RESTART, found) is expected
    assert repairs(RESTART, found) is expected
