"""A stored state of an earlier program, with the wire keys of then: read, and not touched for its keys alone."""

from __future__ import annotations

from pulumi import automation

from tests.provider.conftest import Bench

FORMER = {"healthCheck": "guard", "maxUnavailable": "atOnce", "removalCheck": "remaining"}


def test_former_wire_keys_in_the_state_change_nothing(bench: Bench) -> None:
    bench.text("a.conf", "one\n")
    bench.extra["rollout"] = {"group": "g", "healthCheck": "true", "maxUnavailable": 1, "removalCheck": "true"}
    bench.up()
    exported = bench.stack.export_stack()
    assert exported.deployment is not None
    [resource] = [one for one in exported.deployment["resources"] if one["type"] == "plumbline:index:NodeState"]
    for stored in (resource["inputs"], resource["outputs"]):
        stored["rollout"] = {FORMER.get(key, key): value for key, value in stored["rollout"].items()}
    bench.stack.import_stack(automation.Deployment(exported.version, exported.deployment))
    assert '"guard"' in bench.state()
    bench.operations()
    assert bench.up(refresh=True) == {"same": 2}
    assert bench.writes() == 0
    bench.text("a.conf", "two\n")
    assert bench.up() == {"same": 1, "update": 1}
    assert bench.file("a.conf").read_text() == "two\n"
    assert '"guard"' not in bench.state()


def test_former_wire_keys_in_the_inputs_are_refused(bench: Bench) -> None:
    bench.extra["rollout"] = {"group": "g", "guard": "true"}
    bench.extra["prepare"] = []
    failure = bench.fails()
    assert "n1: rollout.guard was renamed: use healthCheck" in failure
    assert "n1: prepare was renamed: use preStart" in failure
