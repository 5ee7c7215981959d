"""The drift check: classes, accepted drift, exit statuses, and its formats."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nodestate import vocabulary
from nodestate.vocabulary import NODE_STATE
from report import drift_formats
from report.__main__ import rendered
from report.build import build
from report.drift import CLEAN, DRIFT, ERROR, NOT_READ, DriftReport, judge
from report.watch import main
from tests.unit.report.recorded import HERE, streams
from tests.unit.report.streams import START, UNIT, Log, flag, hidden, state, text

NOW = datetime.fromtimestamp(START, UTC)
SAMPLE = re.compile(r'[a-z_]+\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\} \d+')
ENGINE = "import sys; "
ENGINE += "open(sys.argv[-1], 'a').write(open(sys.argv[1]).read()); sys.exit(int(sys.argv[2]))"


def drifted(policy: dict[str, Any] | None = None) -> Log:
    """A node with drift of each kind. Everything is as the program asked for before."""
    log, name = Log(), "w1-kubelet"
    if policy is not None:
        log.lines.clear()
        log.add(preludeEvent={"config": {"plumbline:policy": json.dumps(policy)}})
    files = {path: text("a") for path in ("/etc/restarts", "/etc/content", "/etc/mode", "/etc/both", "/etc/gone")}
    unit = {"active": True}
    inputs: dict[str, Any] = {"node": "w1", "files": {**files, "/etc/key": text(hidden())}, "units": {UNIT: unit}}
    inputs["units"] |= {"stopped.service": unit, "disabled.service": unit}
    diff = ('files["/etc/key"].content',)
    log.step(
        "resOutputsEvent", "refresh", NODE_STATE, name, old=state(name, inputs), new=state(name, inputs), diff=diff
    )
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, inputs), new=state(name, inputs))
    for path, change in (
        *(("/etc/restarts", "content"), ("/etc/content", "content"), ("/etc/mode", "mode, owner")),
        *(("/etc/both", "content, mode"), ("/etc/key", "content")),
    ):
        log.row("w1", "File", path, "update", change=change)
    log.row("w1", "File", "/etc/gone", "create", change="added")
    log.row("w1", "Foreign", "/etc/cni/net.d/x", "delete", change="moved aside")
    log.row("w1", "UnitStep", UNIT, "update", action="restart", because="/etc/restarts changes")
    log.row("w1", "UnitStep", "stopped.service", "create", action="start", because="it was found stopped")
    log.row("w1", "UnitSetting", "disabled.service", "update", change="enable", because="it was found disabled")
    log.row("w1", "Probe", "routes", "update", found="", expected="a route", unit="routes.service")
    log.row("w1", "UnitStep", "routes.service", "update", action="restart", because="routes is empty, not a route")
    log.same("w2")
    log.summary()
    return log


def judged(log: Log, now: datetime = NOW) -> DriftReport:
    """Its drift."""
    stream = log.stream()
    return judge(build(stream), stream.policy, now)


def test_each_kind_of_drift_has_its_class() -> None:
    found = {one.subject: str(one.kind) for one in judged(drifted()).differences}
    assert found == {
        "/etc/restarts": "disruptive",
        "stopped.service": "disruptive",
        "routes": "disruptive",
        "/etc/content": "configuration",
        "/etc/both": "configuration",
        "/etc/key": "configuration",
        "/etc/gone": "configuration",
        "/etc/cni/net.d/x": "configuration",
        "disabled.service": "configuration",
        "/etc/mode": "cosmetic",
    }
    assert judged(drifted()).status == DRIFT


def test_recorded_drift() -> None:
    [stream] = streams("drift-preview")
    found = judge(build(stream), stream.policy, NOW)
    assert [(one.node, one.subject, one.kind) for one in found.differences] == [
        ("m2", "kube-scheduler.service", "disruptive"),
        ("w1", "/etc/containerd/config.toml", "disruptive"),
    ]
    assert drift_formats.text(found).splitlines()[1:] == [
        "disruptive     m2  kube-scheduler.service  it was found stopped; the repair starts it",
        "disruptive     w1  /etc/containerd/config.toml  differs: content; its repair restarts containerd.service",
    ]


@pytest.mark.parametrize("case", ["flag-preview", "certificates-preview", "roll-preview", "create-preview"])
def test_changes_of_the_program_are_no_drift(case: str) -> None:
    [stream] = streams(case)
    found = judge(build(stream), stream.policy, NOW)
    assert (found.status, found.differences) == (CLEAN, ())


@pytest.mark.parametrize("days", range(0, 365, 12))
def test_quiet_cluster_has_no_alarm_at_any_time(days: int) -> None:
    [stream] = streams("quiet-preview")
    now = NOW + timedelta(days=days)
    stream.first = int(now.timestamp())
    found = judge(build(stream), stream.policy, now)
    assert (found.status, drift_formats.text(found)) == (CLEAN, "hosts: no drift\n")


def test_accepted_drift_is_silent_until_its_day_and_loud_after_it() -> None:
    policy = {"acceptedDrift": {"w1:/etc/content": "2026-11-30 the vendor measures", "*:/etc/mode": "2026-11-28 x y"}}
    found = judged(drifted(policy))
    assert {one.subject for one in found.differences} - {one.subject for one in found.alarms} == {
        *("/etc/content", "/etc/mode")
    }
    assert "accepted       w1  /etc/content  until 2026-11-30: the vendor measures\n" in drift_formats.text(found)
    after = judged(drifted(policy), NOW + timedelta(days=3))
    [again] = [one for one in after.alarms if one.subject == "/etc/content"]
    assert again.text == "differs: content; it was accepted until 2026-11-30: the vendor measures"
    assert len(after.alarms) == len(after.differences)


def test_accepted_drift_alone_is_clean() -> None:
    subjects = {f"w1:{one.subject}": "2026-12-31 known" for one in judged(drifted()).differences}
    found = judged(drifted({"acceptedDrift": subjects}))
    assert (found.status, drift_formats.headline(found)) == (CLEAN, "production: no drift, 10 accepted")


def test_node_that_was_not_read_is_a_status_of_its_kind() -> None:
    log = Log()
    log.same("m1")
    log.message(f"m1: ssh: timed out: {vocabulary.NOT_READ}", "m1-kubelet", "warning")
    found = judged(log)
    assert found.status == NOT_READ
    assert drift_formats.text(found) == "production: no drift, 1 node not read\nnot read       m1  ssh: timed out\n"


def test_preview_that_did_not_read_is_not_clean() -> None:
    log = Log()
    log.step("resourcePreEvent", "same", NODE_STATE, "w1-kubelet", old=state("w1-kubelet", {"node": "w1"}))
    assert judged(log).status == NOT_READ


def test_metrics() -> None:
    stream = drifted().stream()
    report = build(stream)
    printed = drift_formats.metrics(judge(report, stream.policy, NOW), report)
    for line in printed.splitlines():
        assert re.fullmatch(r"# (?:HELP [a-z_]+ .+|TYPE [a-z_]+ gauge)", line) or SAMPLE.fullmatch(line), line
    assert 'plumbline_drift{stack="production",node="w1",class="disruptive"} 3\n' in printed
    assert 'plumbline_drift{stack="production",node="w2",class="disruptive"} 0\n' in printed
    assert 'plumbline_drift_check_status{stack="production"} 2\n' in printed
    names = re.findall(r"^# TYPE (\S+)", printed, re.MULTILINE)
    assert len(names) == len(set(names))


def test_node_that_wants_a_reboot_is_named_and_is_no_drift() -> None:
    log = Log()
    for name in ("w1", "w2"):
        log.same(name)
    log.message(f"w2: {vocabulary.reboot('/run/reboot-required')}", "w2-kubelet")
    log.summary()
    report = log.report()
    found = judge(report, "", NOW)
    assert (found.status, found.reboots) == (CLEAN, ("w2",))
    assert drift_formats.text(found).splitlines()[1:] == ["reboot         w2: the system wants one"]
    printed = drift_formats.metrics(found, report)
    assert 'plumbline_reboot_required{stack="production",node="w1"} 0\n' in printed
    assert 'plumbline_reboot_required{stack="production",node="w2"} 1\n' in printed
    assert "reboot required: w2\n" in rendered(report, "terminal")
    assert "- reboot required: w2\n" in rendered(report, "markdown")
    assert "<strong>reboot required</strong>: w2<" in rendered(report, "html")


def test_metrics_of_a_node_that_was_not_read_are_not_zero() -> None:
    [stream] = streams("notread-preview")
    report = build(stream)
    printed = drift_formats.metrics(judge(report, stream.policy, NOW), report)
    assert 'plumbline_node_read{stack="hosts",node="m3"} 0\n' in printed
    assert 'plumbline_drift{stack="hosts",node="m3"' not in printed
    assert re.search(
        r'plumbline_certificate_expiry_timestamp_seconds\{stack="hosts",certificate="[^"]+"\} \d{10}\n', printed
    )


@pytest.mark.parametrize("form", ["text", "issue", "json"])
def test_no_format_holds_a_secret(form: str) -> None:
    found = judged(drifted())
    printed = {"text": drift_formats.text, "issue": drift_formats.issue, "json": drift_formats.to_json}[form](found)
    assert "/etc/key" in printed and "ciphertext" not in printed and "[secret]" not in printed


@pytest.mark.parametrize(("engine", "status"), [("0", DRIFT), ("255", ERROR)])
def test_command(tmp_path: Path, capfd: pytest.CaptureFixture[str], engine: str, status: int) -> None:
    files = {name: tmp_path / name for name in ("log", "json", "markdown", "metrics")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    command = [sys.executable, "-c", ENGINE, str(HERE / "drift-preview.jsonl"), engine]
    assert main([*options, "--", *command], NOW) == status
    printed = capfd.readouterr().out
    assert printed.startswith(
        "hosts: 2 differences on 2 nodes\n" if status == DRIFT else "hosts: the drift check failed\n"
    )
    assert json.loads(files["json"].read_text())["status"] == status
    assert files["markdown"].read_text().startswith("<!-- plumbline drift: hosts -->\n")
    assert f'plumbline_drift_check_status{{stack="hosts"}} {status}\n' in files["metrics"].read_text()
    assert ("plumbline_drift{" in files["metrics"].read_text()) == (status == DRIFT), "a failed check knows nothing"


def test_command_whose_events_end_early_is_an_error(tmp_path: Path) -> None:
    events = tmp_path / "events"
    events.write_text("".join((HERE / "quiet-preview.jsonl").read_text().splitlines(keepends=True)[:40]))
    command = [sys.executable, "-c", ENGINE, str(events), "0"]
    assert main(["--log", str(tmp_path / "log"), "--", *command], NOW) == ERROR


def test_command_that_ends_without_events_is_an_error(tmp_path: Path) -> None:
    log = ["--log", str(tmp_path / "log")]
    assert main([*log, "--", sys.executable, "-c", "import sys; sys.exit(0)"], NOW) == ERROR


def test_drift_of_a_node_that_the_program_changes_too() -> None:
    log = Log()
    flag(log, "w1")
    assert judged(log).status == CLEAN
