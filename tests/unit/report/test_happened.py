"""An update beside its forecast."""

from __future__ import annotations

import pytest

from nodestate import vocabulary
from nodestate.vocabulary import NODE_STATE, Done
from report import html, markdown
from report.happened import combined, compare
from report.model import NodeOutcome, Report
from report.terminal import Terminal
from tests.unit.report.recorded import UPDATED, recorded
from tests.unit.report.streams import CONFIG, UNIT, Log, done, flag, state, text


def forecast(*nodes: str) -> Report:
    """The forecast of one changed key on each node."""
    log = Log()
    for node in nodes:
        flag(log, node)
    log.summary()
    return log.report()


def restarting(log: Log, node: str, unit: str = UNIT, action: str = "restart") -> None:
    """The line of a step that begins."""
    log.message(f"{node}: {vocabulary.doing(unit, action, f'{CONFIG} changes')}", f"{node}-kubelet")


def update(result: str = "succeeded") -> Log:
    """An update that does what is forecast for w1."""
    log = Log(preview=False)
    flag(log, "w1")
    restarting(log, "w1")
    done(log, "w1")
    log.summary(result)
    return log


def outcome(report: Report, node: str = "w1") -> NodeOutcome:
    """The outcome of one node."""
    assert report.happened is not None
    [found] = [one for one in report.happened.nodes if one.node == node]
    return found


@pytest.mark.parametrize("case", UPDATED)
def test_recorded_updates_are_as_forecast(case: str) -> None:
    report = recorded(case)
    assert report.happened is not None
    assert report.happened.result == "succeeded"
    assert not report.happened.differs
    assert {one.node for one in report.happened.nodes} == {one.node for one in report.nodes}
    for one in report.happened.nodes:
        assert one.result == "done"
        assert one.steps and (one.paths or case == "drift")


def test_update_as_forecast() -> None:
    report = compare(forecast("w1"), update().stream())
    one = outcome(report)
    assert (one.result, one.differences, one.paths) == ("done", (), (CONFIG,))
    assert [(step.unit, step.action) for step in one.steps] == [(UNIT, "restart")]
    assert one.seconds == 2
    assert "happened: succeeded after 7 s: 1 of 1 node done, as forecast\n" in Terminal().render(report)


def test_path_that_is_handed_over_is_no_change() -> None:
    """The new component's update names it as added, and nothing is written."""
    name, given, taken = "w1-runtime", {"node": "w1", "files": {}}, {"node": "w1", "files": {CONFIG: text("a")}}
    forecast, update = Log(), Log(preview=False)
    for log in (forecast, update):
        states = {"old": state(name, given), "new": state(name, taken)}
        log.step("resourcePreEvent", "update", NODE_STATE, name, **states, diff=(f'files["{CONFIG}"]',))
        former = {"old": state("w1-network", taken), "new": state("w1-network", given)}
        log.step("resourcePreEvent", "update", NODE_STATE, "w1-network", **former, diff=(f'files["{CONFIG}"]',))
        log.row("w1", "UnitStep", UNIT, "update", component="runtime", action="reload", because="it changes")
    for item in ("/etc/z", CONFIG):
        forecast.row("w1", "Ownership", item, "update", component="network", change="handed over", to=name)
    update.message(f"w1: {vocabulary.doing(UNIT, 'reload', 'it changes')}", name)
    for component in (name, "w1-network"):
        update.step("resOutputsEvent", "update", NODE_STATE, component, new=state(component, taken))
    for log in (forecast, update):
        log.summary()
    [node] = forecast.report().nodes
    assert [one.item for one in node.ownership] == [CONFIG, "/etc/z"]
    one = outcome(compare(forecast.report(), update.stream()))
    assert (one.result, one.paths, one.differences) == ("done", (), ())


def planted() -> Report:
    """An update with a restart that its forecast does not name."""
    log = Log(preview=False)
    flag(log, "w1")
    restarting(log, "w1")
    restarting(log, "w1", "containerd.service")
    done(log, "w1")
    log.summary()
    return compare(forecast("w1"), log.stream())


def test_planted_step_is_a_difference() -> None:
    report = planted()
    line = "containerd.service: restart, not forecast"
    assert outcome(report).differences == (line,)
    assert f"\x1b[31m  w1: {line}\x1b[0m" in Terminal(color=True).render(report)
    assert f'<span class="bad">{line}</span>' in html.render(report)
    assert "1 node not as forecast" in markdown.render(report)


@pytest.mark.parametrize(
    ("action", "difference"),
    [("stop", f"{UNIT}: forecast restart, happened stop"), ("", f"{UNIT}: forecast restart, did not happen")],
)
def test_another_step_is_a_difference(action: str, difference: str) -> None:
    log = Log(preview=False)
    flag(log, "w1")
    if action:
        restarting(log, "w1", action=action)
    done(log, "w1")
    log.summary()
    assert outcome(compare(forecast("w1"), log.stream())).differences == (difference,)


def test_another_path_is_a_difference() -> None:
    expected = forecast("w1")
    log = Log()
    flag(log, "w1")
    log.row("w1", "File", "/etc/more", "create", change="added")
    more = log.report()
    assert outcome(compare(more, update().stream())).differences == ("/etc/more: forecast create, did not happen",)
    assert outcome(compare(expected, update().stream())).differences == ()


def test_reread_may_end_in_a_restart() -> None:
    preview = Log()
    flag(preview, "w1")
    lines = [line.replace('"action":"restart"', '"action":"reread"') for line in preview.lines]
    preview.lines[:] = lines
    for told in (
        vocabulary.doing(UNIT, "restart", "127.0.0.1:10250 serves the certificate of before"),
        vocabulary.serves(UNIT, "127.0.0.1:10250"),
    ):
        log = Log(preview=False)
        flag(log, "w1")
        log.message(f"w1: {told}", "w1-kubelet")
        done(log, "w1")
        log.summary()
        assert outcome(compare(preview.report(), log.stream())).differences == ()


def test_node_whose_turn_never_came_is_not_reached() -> None:
    log = Log(preview=False)
    flag(log, "w1")
    log.message(vocabulary.interrupted("w1"), "w1-kubelet", "error")
    done(log, "w1", failed=True)
    log.summary("failed")
    one = outcome(compare(forecast("w1"), log.stream()))
    assert (one.result, one.differences) == ("not reached", ("not touched: its turn did not come",))


def test_failed_update_names_nodes_that_it_did_not_reach() -> None:
    log = Log(preview=False)
    flag(log, "w1")
    log.message("w1: kubelet.service is not ready: exited", "w1-kubelet", "error")
    done(log, "w1", failed=True)
    log.summary("failed")
    report = compare(forecast("w1", "w2"), log.stream())
    assert (outcome(report).result, outcome(report, "w2").result) == ("failed", "not reached")
    assert report.happened is not None and report.happened.result == "failed"
    assert [one.text for one in report.happened.errors] == ["w1: kubelet.service is not ready: exited"]


def test_update_that_ended_early_failed() -> None:
    log = Log(preview=False)
    flag(log, "w1")
    report = compare(forecast("w1"), log.stream())
    assert report.happened is not None and report.happened.result == "failed"
    assert [one.text for one in report.happened.errors] == ["the event stream of the update ended early"]
    assert outcome(report).result == "failed"


def test_one_stream_has_no_outcome() -> None:
    log = Log()
    flag(log, "w1")
    assert combined([log.stream()]).happened is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "w1: restarting kubelet.service because /etc/x, /etc/y change",
            Done("w1", "kubelet.service", "restart", "/etc/x, /etc/y change"),
        ),
        (f"w1: {vocabulary.serves('a.service', 'h:1')}\n", Done("w1", "a.service", "reread")),
        ("w1: waiting until kubelet.service is ready (at most 300 s)", None),
        ("restarting kubelet.service because", None),
    ],
)
def test_lines_of_steps(line: str, found: Done | None) -> None:
    assert vocabulary.done(line) == found


@pytest.mark.parametrize("action", vocabulary.DOING)
def test_line_of_each_step_is_read_back(action: str) -> None:
    line = f"w1: {vocabulary.doing('a.service', action, 'x: y because z')}"
    assert vocabulary.done(line) == Done("w1", "a.service", action, "x: y because z")


def test_line_of_a_moved_path_is_read_back() -> None:
    line = f"w1: {vocabulary.moved('/etc/cni/net.d/a b', '/var/lib/plumbline/removed/1')}"
    assert vocabulary.moved_path(line) == ("w1", "/etc/cni/net.d/a b")
    assert vocabulary.moved_path("w1: something else") is None
