"""The view of a running update: recorded events go in, what a terminal and a log show comes out."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from nodestate import vocabulary
from report import live
from report.events import PRE, Message, Reader, Step
from report.live import LiveView, PlainView
from report.model import Report
from report.progress import Progress, Stage
from tests.unit.report.recorded import HERE, recorded
from tests.unit.report.streams import Log, done, flag
from tests.unit.report.test_happened import restarting


def events(log: Log) -> list[Step | Message]:
    reader = Reader()
    return [event for line in log.lines if (event := reader.feed(line)) is not None]


def update(name: str) -> list[Step | Message]:
    reader = Reader()
    lines = (HERE / f"{name}-update.jsonl").read_text().splitlines()
    return [event for line in lines if (event := reader.feed(line)) is not None]


def with_waits(seen: list[Step | Message], nodes: tuple[str, ...]) -> list[Step | Message]:
    """With the lines about waiting nodes, which the recorded run did not have yet."""
    made: list[Step | Message] = []
    for event in seen:
        made.append(event)
        if isinstance(event, Step) and (event.phase, event.op) == (PRE, "update") and event.node in nodes:
            line = f"{event.node}: {vocabulary.waiting('control-plane')}"
            made.append(Message("info", line, event.urn, event.at, ephemeral=True))
    return made


def plain(forecast: Report | None, seen: list[Step | Message]) -> list[str]:
    output = io.StringIO()
    view = PlainView(Progress(forecast), output)
    for event in seen:
        view.see(event)
    return output.getvalue().splitlines()


def drawn(view: LiveView, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(view.__rich__())
    return [line.rstrip() for line in capture.get().splitlines()]


def test_sets_and_registrations_are_progress() -> None:
    log = Log(preview=False)
    for phase in ("resourcePreEvent", "resOutputsEvent"):
        log.step(phase, "update", vocabulary.OBJECT_SET, "add-on-dns", new={"inputs": {"name": "dns"}})
        log.step(phase, "update", vocabulary.NODE_REGISTRATION, "w1-registration", new={"inputs": {"node": "w1"}})
        log.step(phase, "update", vocabulary.PREFLIGHT, "preflight", new={"inputs": {}})
    progress = Progress()
    for event in events(log):
        progress.see(event, 0)
    assert progress.others == 1
    assert {name: one.stage for name, one in progress.nodes.items()} == {"w1": Stage.DONE}


def test_progress_ends_with_every_node_of_the_forecast_done() -> None:
    progress = Progress(recorded("roll"))
    assert {one.stage for one in progress.nodes.values()} == {Stage.PLANNED}
    seen = []
    for number, event in enumerate(update("roll")):
        progress.see(event, float(number))
        seen.append(tuple(name for name, one in progress.nodes.items() if one.stage is Stage.DONE))
    assert list(dict.fromkeys(seen))[-1] == ("m1", "m2", "m3", "w1")
    assert progress.nodes["m1"].slot
    assert not progress.reading


def test_progress_of_a_preview_is_none() -> None:
    progress = Progress()
    log = Log()
    flag(log, "w1")
    for event in events(log):
        progress.see(event, 0)
    assert progress.reading or not progress.nodes


@pytest.mark.parametrize(("text", "stage"), [("m2: etcd.service is not ready", Stage.FAILED), (
    "m2: not touched: m1 of rollout group etcd failed before its slot", Stage.UNTOUCHED)])  # fmt: skip
def test_progress_tells_a_failure_from_a_node_whose_turn_never_came(text: str, stage: Stage) -> None:
    progress, log = Progress(), Log(preview=False)
    flag(log, "m2")
    for event in events(log):
        progress.see(event, 0)
    [node] = progress.nodes.values()
    urn = next(event.urn for event in events(log) if isinstance(event, Step) and event.node)
    progress.see(Message("error", f"NodeState resource 'm2-kubelet' has a problem: {text}", urn), 1)
    assert node.stage is stage
    assert node.line == text.removeprefix("m2: ")


def test_log_names_restarts_and_the_end_of_each_node() -> None:
    log = Log(preview=False)
    flag(log, "w1")
    restarting(log, "w1")
    done(log, "w1")
    lines = plain(None, events(log))
    assert lines == [
        "plumbline: w1: restarting kubelet.service because /etc/kubernetes/kubelet.yaml changes",
        "plumbline: w1: done after 0 s",
    ]


def test_log_names_the_end_of_a_node_once() -> None:
    log = Log(preview=False)
    for _ in range(2):
        flag(log, "w1")
        done(log, "w1")
    assert plain(None, events(log)) == ["plumbline: w1: done after 0 s"]


def test_log_of_many_nodes_is_short() -> None:
    log = Log(preview=False)
    names = [f"w{number}" for number in range(1, 41)]
    for name in names:
        flag(log, name)
    for name in names:
        restarting(log, name)
        done(log, name)
    lines = plain(None, events(log))
    assert len(lines) <= 8
    assert lines[-1] == "plumbline: 40 of 40 nodes done"


def test_log_says_now_and_then_that_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    view = PlainView(Progress(), output)
    log = Log(preview=False)
    flag(log, "w1")
    for event in events(log):
        view.see(event)
    view.idle()
    assert output.getvalue() == ""
    monkeypatch.setattr(live, "QUIET_SECONDS", -1)
    view.idle()
    assert output.getvalue().startswith("plumbline: 0 of 1 node done, 1 working; 0 s")


def test_terminal_has_a_line_for_each_node() -> None:
    console = Console(width=100, height=30, file=io.StringIO(), force_terminal=True, color_system=None)
    view = LiveView(Progress(recorded("roll")), console)
    assert drawn(view, console)[0].startswith("reading the nodes; ")
    for event in update("roll"):
        view.see(event)
    head, *rows = drawn(view, console)
    assert head.startswith("4 of 4 nodes done")
    assert [row.split()[:2] for row in rows] == [[name, "done"] for name in ("m1", "m2", "m3", "w1")]


def test_long_line_is_cut_off_and_the_name_is_not() -> None:
    console = Console(width=60, height=30, file=io.StringIO(), force_terminal=True, color_system=None)
    view, log = LiveView(Progress(), console), Log(preview=False)
    flag(log, "w1")
    log.message(f"w1: waiting until {'a' * 80}.service is ready", "w1-kubelet")
    for event in events(log):
        view.see(event)
    _, row = drawn(view, console)
    assert row.split()[:5] == ["w1", "working", "0", "s", "waiting"]
    assert len(row) <= 60 and row.endswith("…")


def test_terminal_that_is_too_low_shows_what_needs_attention_first() -> None:
    console = Console(width=100, height=10, file=io.StringIO(), force_terminal=True, color_system=None)
    view, log = LiveView(Progress(), console), Log(preview=False)
    names = [f"w{number}" for number in range(1, 41)]
    for name in names:
        flag(log, name)
    for name in names[:30]:
        done(log, name)
    for event in events(log):
        view.see(event)
    lines = drawn(view, console)
    assert len(lines) < 10
    assert lines[1].split()[:2] == ["w31", "working"]
    assert lines[-1].endswith("more nodes")


def test_interrupt_says_what_follows() -> None:
    console = Console(width=120, height=30, file=io.StringIO(), force_terminal=True, color_system=None)
    view = LiveView(Progress(), console)
    view.interrupted()
    assert drawn(view, console)[1].startswith("Ctrl-C: what has begun is finished")


def test_documentation_shows_a_frame_of_a_recorded_update(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (HERE.parents[3] / "docs/how-to/read-a-plan.md").read_text()
    [shown] = re.findall(r"<!-- live view -->\n```text\n(.*?)```\n", text, re.DOTALL)
    clock = [0.0]
    monkeypatch.setattr("report.live.time.monotonic", lambda: clock[0])
    seen = with_waits(update("roll"), ("m2", "m3"))
    clock[0] = float(next(event.at for event in seen if event.at))
    console = Console(width=100, height=30, file=io.StringIO(), force_terminal=True, color_system=None)
    view = LiveView(Progress(recorded("roll")), console)
    for event in seen:
        clock[0] = float(event.at) or clock[0]
        view.see(event)
        if isinstance(event, Message) and event.text.startswith("m2: restarting kubelet.service"):
            break
    assert drawn(view, console) == shown.splitlines()


def test_log_names_a_failure_after_the_end_of_a_node() -> None:
    log = Log(preview=False)
    for failed in (False, True):
        flag(log, "w1")
        done(log, "w1", failed=failed)
    assert plain(None, events(log)) == ["plumbline: w1: done after 0 s", "plumbline: w1: failed after 0 s"]
