"""The preflight's difference while a machine is yet to be replaced."""

from __future__ import annotations

from typing import Any

import pytest

from nodestate import UNKNOWN, Secret
from provider.preflight_resource import _added

OLD = {"nodes": {"m1": {"address": "10.0.0.1", "connection": {"hostKey": "k"}}}}


@pytest.mark.parametrize("nodes", [UNKNOWN, Secret(UNKNOWN), {"m1": UNKNOWN}], ids=["all", "secret", "one"])
def test_hosts_that_are_not_known_are_not_checked(nodes: Any) -> None:
    assert _added(OLD, {"nodes": nodes}) == []
