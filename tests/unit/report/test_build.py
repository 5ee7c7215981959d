"""The report of a preview: nodes, causes, origins, order, certificates."""

from __future__ import annotations

import pytest

from nodestate import vocabulary
from nodestate.vocabulary import NODE_STATE
from report.happened import compare
from report.model import Certificate, Group, NotRead, Origin
from report.terminal import Terminal
from report.text import UNKNOWN
from report.words import origins
from tests.unit.report.streams import CONFIG, UNIT, Log, config, flag, hidden, state, text

CERTIFICATE = "tls:index/locallySignedCert:LocallySignedCert"


def test_one_flag() -> None:
    log = Log()
    log.same("m1")
    flag(log, "w1")
    log.summary()
    report = log.report()
    [node] = report.nodes
    assert (node.node, node.change, node.group, node.slot) == ("w1", "update", "workers", "1 of 1")
    [path], [step] = node.paths, node.steps
    assert path.diff == ("@@ -2,3 +2,3 @@", " kind: KubeletConfiguration", "-maxPods: 110", "+maxPods: 120", " key0: 0")
    assert (step.unit, step.action, step.because, step.origin) == (UNIT, "restart", f"{CONFIG} changes", "program")
    assert report.unchanged == ("m1",)
    assert (report.stack, report.project, report.operation, report.result) == (
        *("production", "plumbline"),
        *("preview", "succeeded"),
    )
    assert report.groups == (Group("workers", ("w1",), 1, 1),)


@pytest.mark.parametrize(
    ("old", "new", "found", "drifted", "origin"),
    [
        ("a", "b", "a", False, Origin.PROGRAM),
        ("a", "a", "x", True, Origin.DRIFT),
        ("a", "b", "x", True, Origin.BOTH),
        ("a", "a", "x", False, Origin.DRIFT),
        (hidden(), hidden(), hidden(), True, Origin.DRIFT),
        (hidden(), hidden(), hidden(), False, Origin.PROGRAM),
    ],
    ids=["program", "drift", "both", "drift of the stored state", "drift of a secret", "another secret"],
)
def test_origin(old: object, new: object, found: object, drifted: bool, origin: Origin) -> None:
    log, path, name = Log(), "/etc/x", "w1-kubelet"
    before, after, now = ({"node": "w1", "files": {path: text(one)}} for one in (old, new, found))
    diff = (f'files["{path}"].content',)
    log.step("resOutputsEvent", "refresh", NODE_STATE, name, new=state(name, before, now), diff=diff if drifted else ())
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, before, now), new=state(name, after))
    log.row("w1", "File", path, "update", change="content")
    log.row("w1", "UnitStep", UNIT, "update", action="restart", because=f"{path} changes")
    [node] = log.report().nodes
    assert [one.origin for one in node.paths] == [origin]
    assert [one.origin for one in node.steps] == [origin], "a step has the origin of the file that causes it"
    assert node.paths[0].secret == isinstance(old, dict)


def test_secret_has_no_diff() -> None:
    log, name = Log(), "w1-kubelet"
    inputs = {"node": "w1", "files": {"/etc/key": text(hidden())}}
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, inputs), new=state(name, inputs))
    log.row("w1", "File", "/etc/key", "update", change="content, mode")
    [path] = log.report().nodes[0].paths
    assert path.secret and path.diff == ()


def test_stopped_unit_is_drift() -> None:
    log, name = Log(), "w1-kubelet"
    inputs = {"node": "w1", "units": {UNIT: {"active": True}}}
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, inputs), new=state(name, inputs))
    log.row("w1", "UnitStep", UNIT, "create", action="start", because="it was found stopped")
    log.row("w1", "UnitSetting", UNIT, "update", change="enable", because="it was found disabled")
    log.row("w1", "Foreign", "/etc/cni/net.d/x", "delete", change="moved aside")
    [node] = log.report().nodes
    assert origins(node) == {Origin.DRIFT}


def test_content_that_is_made_in_this_run_has_no_diff() -> None:
    log, name, path = Log(), "w1-kubelet", "/etc/pki/w1.crt"
    old, new = ({"node": "w1", "files": {path: text(one)}} for one in ("-----BEGIN\n", UNKNOWN))
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, old), new=state(name, new))
    log.row("w1", "File", path, "update", change="content")
    [one] = log.report().nodes[0].paths
    assert (one.diff, one.details) == ((), ("made in this run",))


def test_creation_is_its_inputs() -> None:
    log, name = Log(), "w1-kubelet"
    inputs = {"node": "w1", "files": {CONFIG: text("a"), "/key": text(hidden())}, "units": {UNIT: {"active": True}}}
    log.step("resourcePreEvent", "create", NODE_STATE, name, new=state(name, inputs))
    report = log.report()
    [node] = report.nodes
    assert node.change == "create" and report.refreshed, "there is nothing to read yet"
    assert [(one.path, one.operation, one.secret) for one in node.paths] == [
        *((CONFIG, "create", False), ("/key", "create", True))
    ]
    assert [(one.unit, one.action) for one in node.steps] == [(UNIT, "start")]


def test_replacement_writes_each_path_and_restarts_each_unit() -> None:
    log, name = Log(), "w1-kubelet"
    unit = f"/etc/systemd/system/{UNIT}"
    inputs = {"node": "w1", "files": {unit: text("a")}, "units": {UNIT: {"active": True}}}
    log.step("resourcePreEvent", "delete-replaced", NODE_STATE, name, old=state(name, inputs))
    log.step("resourcePreEvent", "create-replacement", NODE_STATE, name, new=state(name, inputs))
    [node] = log.report().nodes
    assert node.change == "replace"
    assert [(one.path, one.operation) for one in node.paths] == [(unit, "update")]
    assert [(one.unit, one.action) for one in node.steps] == [(UNIT, "restart")]


def test_rows_of_a_replacement_tell_all_of_it() -> None:
    log, name = Log(), "w1-kubelet"
    inputs = {"node": "w1", "files": {CONFIG: text("a"), "/etc/more": text("a")}}
    log.step("resourcePreEvent", "delete-replaced", NODE_STATE, name, old=state(name, inputs))
    log.step("resourcePreEvent", "create-replacement", NODE_STATE, name, new=state(name, inputs))
    log.row("w1", "File", CONFIG, "create", change="added")
    [node] = log.report().nodes
    assert [(one.path, one.operation) for one in node.paths] == [(CONFIG, "create")]


def test_component_that_exists_on_the_node_is_adopted() -> None:
    log, name = Log(), "w1-kubelet"
    inputs = {"node": "w1", "files": {CONFIG: text("a")}, "units": {UNIT: {"active": True}}}
    log.step("resourcePreEvent", "create", NODE_STATE, name, new=state(name, inputs))
    log.row("w1", "Ownership", "kubelet", "update", change="owner marks", because="all of it exists")
    log.row("w1", "Ownership", CONFIG, "update", change="handed over", to="w1-other")
    [node] = log.report().nodes
    assert (node.paths, node.steps, node.found) == ((), (), (name,))
    printed = Terminal().render(log.report())
    assert "  owner marks kubelet  all of it exists\n" in printed
    assert f"  handed over {CONFIG}  to w1-other\n" in printed
    update = Log(preview=False)
    update.step("resourcePreEvent", "create", NODE_STATE, name, new=state(name, inputs))
    update.step("resOutputsEvent", "create", NODE_STATE, name, new=state(name, inputs))
    update.summary()
    happened = compare(log.report(), update.stream()).happened
    assert happened is not None and not happened.differs


def test_update_without_rows_is_recorded_only() -> None:
    log, name = Log(), "w1-kubelet"
    inputs = {"node": "w1"}
    log.step(
        "resourcePreEvent",
        "update",
        NODE_STATE,
        name,
        old=state(name, inputs),
        new=state(name, inputs),
        diff=("readiness",),
    )
    [node] = log.report().nodes
    assert node.silent and node.recorded == ("readiness",)


def test_groups_are_in_the_order_of_their_slots() -> None:
    log = Log()
    for number, node in ((2, "w1"), (3, "w10"), (1, "w2")):
        flag(log, node, f"{number} of 3", most=2)
    assert log.report().groups == (Group("workers", ("w2", "w1", "w10"), 2, 1),)


def test_node_that_does_not_answer_is_not_read() -> None:
    log = Log()
    log.same("m1")
    log.message(f"m1: ssh: timed out: {vocabulary.NOT_READ}", "m1-kubelet", "warning")
    log.message(f"m1: ssh: timed out: {vocabulary.NOT_READ}", "m1-kubelet", "warning")
    log.message("m1: its clock is 90 s behind", "m1-kubelet", "warning")
    report = log.report()
    assert report.not_read == (NotRead("m1", "ssh: timed out"),)
    assert [one.text for one in report.warnings] == ["m1: its clock is 90 s behind"]


def test_preview_without_refresh_says_so() -> None:
    log = Log()
    log.step("resourcePreEvent", "same", NODE_STATE, "w1-kubelet", old=state("w1-kubelet", {"node": "w1"}))
    assert not log.report().refreshed


def test_certificates_by_days_left() -> None:
    log = Log()
    for name, op, end in (
        ("later", "same", "2027-11-28T14:40:00Z"),
        ("soon", "create-replacement", "2026-12-10T14:40:30Z"),
        ("soon", "replace", "2026-12-10T14:40:30Z"),
        ("soon", "delete-replaced", "2026-12-10T14:40:30Z"),
    ):
        old = {"type": CERTIFICATE, "inputs": {}, "outputs": {"validityEndTime": end}}
        log.step("resourcePreEvent", op, CERTIFICATE, name, old=old, new=old)
    report = log.report()
    assert report.certificates == (
        Certificate("soon", "renew", "2026-12-10T14:40:30Z", 12),
        Certificate("later", "same", "2027-11-28T14:40:00Z", 365),
    )
    assert report.resources == ()


def test_steps_of_a_replaced_resource_are_one_change() -> None:
    log, kind = Log(), "command:remote:Command"
    for op in ("create-replacement", "replace", "delete-replaced"):
        log.step("resourcePreEvent", op, kind, "addons", diff=("triggers[0]",))
    log.step("resourcePreEvent", "same", kind, "other")
    report = log.report()
    [one] = report.resources
    assert (one.name, one.operation, one.keys) == ("addons", "replace", ("triggers[0]",))
    assert report.unchanged_resources == 1


def test_one_off_steps_are_listed() -> None:
    log = Log()
    log.step("resourcePreEvent", "update", "plumbline:index:Command", "w1-registration", diff=("create",))
    [one] = log.report().resources
    assert (one.name, one.operation, one.keys) == ("w1-registration", "update", ("create",))


def test_drift_of_a_file_that_is_changed_too_is_shown_from_the_node() -> None:
    log = Log()
    found = {"node": "w1", "files": {CONFIG: text(config("w1", 99))}}
    flag(log, "w1", found=found)
    [path] = log.report().nodes[0].paths
    assert path.origin is Origin.BOTH
    assert "-maxPods: 99" in path.diff


@pytest.mark.parametrize(("op", "alone"), [("create", "create"), ("delete", "delete")])
def test_node_is_new_or_gone_only_with_all_of_its_components(op: str, alone: str) -> None:
    for others, change in ((False, alone), (True, "update")):
        log = Log()
        if others:
            log.same("w1")
        side = "new" if op == "create" else "old"
        log.step("resourcePreEvent", op, NODE_STATE, "w1-site", **{side: state("w1-site", {"node": "w1", "files": {}})})
        [node] = log.report().nodes
        assert node.change == change
