"""The engine's event stream as typed records."""

from __future__ import annotations

import pytest

from nodestate.vocabulary import NODE_STATE
from report.events import HIDDEN, NotEvents, plain, read
from tests.unit.report.streams import Log, flag, hidden, state, text


def test_plain_keeps_nothing_of_a_secret() -> None:
    assert plain({"a": hidden(), "b": [hidden(), 1]}) == {"a": HIDDEN, "b": [HIDDEN, 1]}


def test_read_of_what_stays_the_same_keeps_the_node_only() -> None:
    log = Log()
    log.same("w1", {"files": {"/etc/x": text('"node":"other"')}})
    steps = log.stream().steps
    assert {(one.op, one.node) for one in steps} == {("refresh", "w1"), ("same", "w1")}
    assert all(one.old is None and one.new is None for one in steps)


def test_read_of_a_node_with_a_deleted_resource_keeps_what_stays() -> None:
    log = Log()
    log.same("w1", {"directories": {"/etc/kubernetes": {"mode": "0755"}}})
    gone = {"node": "w1", "directories": {"/etc/kubernetes": {"mode": "0755"}, "/etc/gone": {"mode": "0755"}}}
    log.step("resourcePreEvent", "delete", NODE_STATE, "w1-other", old=state("w1-other", gone))
    [node] = log.report().nodes
    assert [(one.path, one.operation) for one in node.paths] == [("/etc/gone", "delete")]


@pytest.mark.parametrize(("line", "error"), [("pulumi preview", "line 2 is not JSON"), ("{}", "line 2 is no event")])
def test_read_names_the_line_that_is_no_event(line: str, error: str) -> None:
    log = Log()
    flag(log, "w1")
    with pytest.raises(NotEvents, match=error):
        read([log.lines[1], line])


def test_messages_have_no_color_and_no_debug_lines() -> None:
    log = Log()
    log.message("<{%fg 12%}>w1: \x1b[31mred<{%reset%}>")
    log.message("noise", severity="debug")
    assert [one.text for one in log.stream().messages] == ["w1: red"]


def test_log_of_preview_and_update_has_two_streams() -> None:
    preview, update = Log(), Log(preview=False)
    for log in (preview, update):
        flag(log, "w1")
        log.summary()
    first, second = read([*preview.lines, *update.lines])
    assert (first.preview, second.preview) == (True, False)


def test_log_without_events_is_refused() -> None:
    with pytest.raises(NotEvents, match="there are no events"):
        read([])
