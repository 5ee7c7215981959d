"""Objects behind the API: their part of the report, of the outcome, and of the drift check."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nodestate import vocabulary
from nodestate.vocabulary import NODE_REGISTRATION, OBJECT_SET
from report import data, drift_formats, html, markdown
from report.__main__ import rendered
from report.drift import CLEAN, DRIFT, NOT_READ, DriftReport, judge
from report.happened import compare
from report.model import ObjectChange, ObjectOutcome, Origin, Report, SetNotRead
from report.terminal import Terminal
from report.words import headline
from tests.unit.report.recorded import recorded
from tests.unit.report.streams import START, Log, flag, urn

COREDNS = "Deployment kube-system/coredns"
SCALED = {
    "change": "spec.replicas",
    "because": vocabulary.DRIFTED,
    "fields": "spec.replicas: 0 -> 2\nspec.replicas was taken by kubectl-scale: it is taken back",
}
NOW = datetime.fromtimestamp(START, UTC)


def changed(**facts: str) -> Log:
    """A preview with one object that changes."""
    log = Log()
    log.object_set("update")
    log.object_row(COREDNS, "update", **facts)
    return log


def finished(log: Log) -> Report:
    """The report of a preview that ends well."""
    log.summary()
    return log.report()


def test_row_is_an_object() -> None:
    report = finished(changed(**SCALED))
    assert report.objects == (
        ObjectChange("dns", COREDNS, "update", ("spec.replicas",), tuple(SCALED["fields"].splitlines()), Origin.DRIFT),
    )
    assert report.resources == () and not report.empty
    assert headline(report) == "production: 1 object changes, drift on 1 object"


def test_program_is_the_cause_without_drift() -> None:
    report = finished(changed(change="spec.replicas", fields="spec.replicas: 2 -> 3"))
    assert report.objects[0].origin is Origin.PROGRAM
    printed = "objects behind the API\n  update   dns: Deployment kube-system/coredns\n    spec.replicas: 2 -> 3\n"
    assert printed in Terminal().render(report)
    assert headline(report) == "production: 1 object changes, no drift"


def test_objects_are_counted_after_nodes() -> None:
    log = Log()
    flag(log, "w1")
    flag(log, "w2", found={"node": "w2"})
    log.object_set("update")
    log.object_row(COREDNS, "update", **SCALED)
    log.object_row("ConfigMap kube-system/a", "create")
    log.object_row("ConfigMap kube-system/b", "delete")
    told = "2 nodes change, 1 object created, 1 object deleted, 1 object changes, 2 units restart, drift on 1 node and 1 object"
    assert headline(finished(log)) == f"production: {told}"


def test_set_that_exists_already_creates_no_object() -> None:
    """The resource itself is created."""
    log = Log()
    log.object_set("create", "dns", "Service kube-system/a")
    log.existing_set()
    report = finished(log)
    assert report.objects == () and report.nodes == ()
    assert [(one.operation, one.name) for one in report.resources] == [("create", "add-on-dns")]


def test_set_without_rows_is_its_inputs() -> None:
    log = Log()
    log.object_set("create", "dns", "Service kube-system/a", "ConfigMap kube-system/a")
    log.step("resourcePreEvent", "create", NODE_REGISTRATION, "w1-registration", new={"inputs": {"node": "w1"}})
    log.object_set("delete", "old", "ConfigMap default/a")
    report = finished(log)
    assert [(one.set_name, one.object, one.operation, one.whole) for one in report.objects] == [
        ("dns", "Service kube-system/a", "create", True),
        ("dns", "ConfigMap kube-system/a", "create", True),
        ("nodes", "Node w1", "create", True),
        ("old", "ConfigMap default/a", "delete", True),
    ]
    assert report.resources == ()
    assert "  create   dns: 2 objects\n  create   nodes: Node w1\n" in Terminal().render(report)


@pytest.mark.parametrize("objects", [None, "04da6b54-80e4-46f7-96ec-b56ff0331ba9"])
def test_set_whose_objects_are_not_known_is_another_resource(objects: object) -> None:
    log = Log()
    log.step(
        "resourcePreEvent", "create", OBJECT_SET, "add-on-dns", new={"inputs": {"name": "dns", "objects": objects}}
    )
    log.step("resourcePreEvent", "update", NODE_REGISTRATION, "w1-registration", new={"inputs": {"node": "w1"}})
    report = finished(log)
    assert report.objects == ()
    assert [(one.operation, one.name) for one in report.resources] == [
        ("update", "w1-registration"),
        ("create", "add-on-dns"),
    ]


def test_equal_objects_of_a_set_are_folded() -> None:
    log = Log()
    log.object_set("update", "nodes")
    for number in range(40):
        log.object_row(
            f"Node w{number}", "update", "nodes", change="metadata.labels.a", fields="metadata.labels.a: b -> c"
        )
    log.object_set("update")
    log.object_row(COREDNS, "update", change="metadata.labels.a", fields="metadata.labels.a: b -> c")
    printed = Terminal().render(finished(log))
    assert "  update   nodes: Node w0, Node w1, Node w2 and 37 more\n    metadata.labels.a: b -> c\n" in printed
    assert printed.count("\n") == 7


def test_long_changes_are_cut_off() -> None:
    log = changed(change="data.a", fields="\n".join(f"data.a: + {number}" for number in range(30)))
    for number in range(30):
        log.object_row(f"ConfigMap default/{number}", "update", fields=f"data.a: {number} -> a")
    report = finished(log)
    printed = Terminal().render(report)
    assert "    data.a: + 11\n    ... 18 more lines: --format html shows all\n" in printed
    assert "  and 16 more objects: --format html shows all\n" in printed
    assert "data.a: + 29" in html.render(report) and "ConfigMap default/29" in html.render(report)


@pytest.mark.parametrize("form", ["terminal", "json", "markdown", "html"])
def test_values_are_shown_in_every_format_without_control_characters(form: str) -> None:
    log = changed(change="data.a", fields="data.a: <b>|\x1b[2J -> \u202eb")
    shown = rendered(finished(log), form)
    assert "\x1b" not in shown and "\u202e" not in shown
    assert ("&lt;b&gt;" if form in ("html",) else "<b>") in shown
    assert COREDNS in shown.replace("\\", "")


def test_json_reads_back() -> None:
    report = recorded("objects")
    assert data.from_json(data.to_json(report)) == report
    assert {"set": "nodes", "reason": "x"} in json.loads(
        data.to_json(build_unread("w1: x: " + vocabulary.NOT_COMPARED, NODE_REGISTRATION))
    )["objectsNotRead"]


def build_unread(text: str, kind: str = OBJECT_SET) -> Report:
    """A preview with a warning about a set or a registration."""
    log = Log()
    name = "w1-registration" if kind == NODE_REGISTRATION else "add-on-dns"
    log.step("resourcePreEvent", "same", kind, name, old={"inputs": {"node": "w1"}})
    log.told(text, urn(name, kind), "warning")
    return finished(log)


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        (f"set dns: m1: timed out: {vocabulary.NOT_READ}", OBJECT_SET, SetNotRead("dns", "m1: timed out")),
        (f"set dns: m1: timed out: {vocabulary.NOT_COMPARED}", OBJECT_SET, SetNotRead("dns", "m1: timed out")),
        (f"m1: timed out: {vocabulary.NOT_READ}", NODE_REGISTRATION, SetNotRead("nodes", "m1: timed out")),
        (f"w1: m1: timed out: {vocabulary.NOT_COMPARED}", NODE_REGISTRATION, SetNotRead("nodes", "m1: timed out")),
    ],
)
def test_set_that_was_not_read_is_named(text: str, kind: str, found: SetNotRead) -> None:
    report = build_unread(text, kind)
    assert report.objects_not_read == (found,) and report.warnings == ()
    line = f"not read, drift is not known: objects behind the API, {found.set_name} (m1: timed out)"
    assert line in Terminal().render(report)
    judged = judge(report, "", NOW)
    assert judged.status == NOT_READ and "1 set of objects not read" in drift_formats.text(judged)
    assert 'plumbline_objects_read{stack="production"} 0' in drift_formats.metrics(judged, report)
    assert "plumbline_object_drift{" not in drift_formats.metrics(judged, report)


def outcome(*done: tuple[str, str], forecast: Report | None = None, error: str = "", result: str = "") -> Report:
    """The update after a preview that forecasts a scaled Deployment: `done` are names and operations."""
    log = Log(preview=False)
    log.object_set("update")
    for name, operation in done:
        log.object_line(name, operation)
    if error:
        log.told(error, urn("add-on-dns", OBJECT_SET), "error")
    log.summary(result or ("failed" if error else "succeeded"))
    return compare(forecast or finished(changed(**SCALED)), log.stream())


def of(report: Report) -> list[tuple[str, str, str]]:
    """Object, result and difference of each outcome."""
    assert report.happened is not None
    return [(one.object, one.result, one.difference) for one in report.happened.objects]


def test_named_and_done() -> None:
    report = outcome((COREDNS, "update"))
    assert report.happened is not None and not report.happened.differs
    assert report.happened.objects == (ObjectOutcome("dns", COREDNS, "done", ("update",)),)
    assert "happened: succeeded after 7 s: 1 of 1 object done, as forecast\n" in Terminal().render(report)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([], [(COREDNS, "not done", "forecast update, did not happen")]),
        ([(COREDNS, "create")], [(COREDNS, "done", "forecast update, happened create")]),
        ([(COREDNS, "update")] * 2, [(COREDNS, "done", "forecast update, happened update and update")]),
        (
            [(COREDNS, "update"), ("Secret default/a", "update")],
            [(COREDNS, "done", ""), ("Secret default/a", "done", "update, not forecast")],
        ),
    ],
    ids=["not done", "another operation", "twice", "not named"],
)
def test_each_difference_is_told(done: list[tuple[str, str]], expected: list[tuple[str, str, str]]) -> None:
    report = outcome(*done)
    assert of(report) == expected
    assert report.happened is not None and report.happened.differences == (), "the objects are told, not their set"
    assert "1 object not as forecast" in Terminal().render(report)
    [(name, _, difference)] = [one for one in expected if one[2]]
    assert f"\x1b[31m  dns: {name}: {difference}\x1b[0m" in Terminal(color=True).render(report)
    assert f'<span class="bad">{difference}</span>' in html.render(report)
    assert f"- **dns**: {name}: {difference}" in markdown.render(report)


def test_failed_object_and_those_that_were_not_reached() -> None:
    log = changed(**SCALED)
    log.object_row("ConfigMap default/a", "create")
    error = f"set dns: {COREDNS}: admission webhook denied the request. Fix that, then run pulumi up again"
    report = outcome((COREDNS, "update"), forecast=finished(log), error=error)
    assert of(report) == [
        (COREDNS, "failed", "it failed"),
        ("ConfigMap default/a", "not reached", "the run ended before it was complete"),
    ]


def test_object_that_was_gone_already_is_no_difference() -> None:
    log = Log()
    log.object_set("update")
    log.object_row("ConfigMap default/a", "delete", fields=vocabulary.GONE)
    assert of(outcome(forecast=finished(log))) == [("ConfigMap default/a", "done", "")]


def test_object_of_a_new_set_may_be_there_already() -> None:
    log = Log()
    log.object_set("create", "dns", COREDNS, "ConfigMap default/a")
    report = outcome(("ConfigMap default/a", "update"), forecast=finished(log))
    assert {difference for _, _, difference in of(report)} == {""}


@pytest.mark.parametrize("operation", vocabulary.OBJECT_DOING)
def test_line_of_each_operation_is_read_back(operation: str) -> None:
    line = vocabulary.changing("dns", operation, COREDNS)
    assert vocabulary.changed_object(line) == ("dns", COREDNS, operation)
    assert vocabulary.changed_object(f"set dns: {COREDNS}: waiting: 0 of 2 pods are updated") is None
    assert vocabulary.done(line) is None


def judged(policy: dict[str, Any] | None = None) -> DriftReport:
    """Drift of each kind, beside a change of the program."""
    log = changed(**SCALED)
    drift = {"because": vocabulary.DRIFTED}
    log.object_row("DaemonSet kube-system/a", "create", **drift)
    log.object_row("ConfigMap kube-system/a", "update", change="data.a", fields="data.a: b -> c", **drift)
    log.object_row("Service kube-system/a", "update", fields="this program becomes the manager of its fields", **drift)
    log.object_row("Secret kube-system/a", "update", change="data.a", fields="data.a: [secret]")
    return judge(finished(log), json.dumps(policy or {}), NOW)


def test_each_kind_of_drift_has_its_class() -> None:
    found = judged()
    assert [(one.set_name, one.subject, str(one.kind)) for one in found.differences] == [
        ("dns", "DaemonSet kube-system/a", "disruptive"),
        ("dns", COREDNS, "disruptive"),
        ("dns", "ConfigMap kube-system/a", "configuration"),
        ("dns", "Service kube-system/a", "cosmetic"),
    ]
    assert found.status == DRIFT
    text = drift_formats.text(found)
    assert text.startswith("production: 4 differences on 4 objects\n")
    assert "disruptive     dns  DaemonSet kube-system/a  is missing\n" in text
    assert f"disruptive     dns  {COREDNS}  differs: {SCALED['fields']}\n".replace("2\nspec", "2; spec") in text
    assert "| configuration | dns | `ConfigMap kube-system/a` | differs: data.a: b -&gt; c |" in drift_formats.issue(
        found
    )
    assert json.loads(drift_formats.to_json(found))["differences"][0]["set"] == "dns"
    metrics = drift_formats.metrics(found, finished(changed(**SCALED)))
    assert 'plumbline_object_drift{stack="production",class="disruptive"} 2' in metrics
    assert 'plumbline_objects_read{stack="production"} 1' in metrics


def test_accepted_drift_of_an_object() -> None:
    names = (COREDNS, "DaemonSet kube-system/a", "ConfigMap kube-system/a", "Service kube-system/a")
    accepted = {
        f"{place}:{name}": "2026-12-31 known" for place, name in zip(("dns", "*", "dns", "dns"), names, strict=True)
    }
    assert judged({"acceptedDrift": accepted}).status == CLEAN
    found = judged({"acceptedDrift": {**accepted, f"dns:{COREDNS}": "2026-11-01 known"}})
    assert [one.subject for one in found.alarms] == [COREDNS]
    assert found.alarms[0].text.endswith("it was accepted until 2026-11-01: known")
    del accepted[f"dns:{COREDNS}"]
    assert judged({"acceptedDrift": {**accepted, f"rbac:{COREDNS}": "2026-12-31 known"}}).status == DRIFT


def test_drift_of_a_recorded_run() -> None:
    report = recorded("objects-drift")
    assert judge(report, "", NOW).status == DRIFT
    assert [one.subject for one in judge(recorded("objects"), "", NOW).alarms] == ["Node w1"]
