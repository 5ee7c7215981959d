"""Each format: its size, folding, and what must not be in it."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest

from nodestate.names import names
from nodestate.vocabulary import NODE_STATE
from report import data, html, markdown
from report.__main__ import rendered
from report.build import build
from report.events import read
from report.model import Report
from report.terminal import Terminal
from report.words import headline
from tests.unit.report.recorded import CASES, HERE, UPDATED, recorded
from tests.unit.report.streams import CONFIG, Log, flag, hidden, state, text

FORMS = ("terminal", "json", "markdown", "html")


def lines(report: Report) -> int:
    """The number of terminal lines."""
    return Terminal().render(report).count("\n")


@pytest.mark.parametrize(("case", "most"), [("flag", 15), ("quiet", 1), ("create", 40)])
def test_terminal_is_short(case: str, most: int) -> None:
    assert lines(recorded(case)) <= most


def forty() -> Log:
    """Forty nodes with the same changed key."""
    log = Log()
    for number in range(40):
        flag(log, f"w{number + 1}", f"{number + 1} of 40", most=10)
    log.summary()
    return log


def test_equal_nodes_are_folded() -> None:
    printed = Terminal().render(forty().report())
    assert printed.count("\n") <= 20
    assert "\nw1 ... w40: 40 nodes\n" in printed
    assert "order, workers: w1 alone, then at most 10 at a time: w2 ... w40: 39 nodes\n" in printed


def test_node_that_differs_is_not_folded() -> None:
    log = Log()
    for node in ("w1", "w2", "w3"):
        flag(log, node)
    log.row("w2", "UnitStep", "containerd.service", "update", action="restart", because="x")
    assert [line for line in Terminal().render(log.report()).splitlines() if line.startswith("w")] == ["w1, w3", "w2"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["w2", "w1"], "w1, w2"),
        (["w1", "w2", "w3", "w4"], "w1 ... w4: 4 nodes"),
        (["m1", "w9", "w10", "w11", "w12"], "m1, w9 ... w12: 5 nodes"),
        (["a", "b", "c", "d"], "a, b, c, d: 4 nodes"),
    ],
)
def test_names(given: list[str], text: str) -> None:
    assert names(given) == text


def test_nothing_changes_is_one_line() -> None:
    assert Terminal().render(recorded("quiet")) == "hosts: nothing changes (4 nodes, 173 resources)\n"


@pytest.mark.parametrize(("result", "state"), [("failed", "failed"), ("", "ended early")])
def test_failed_preview_does_not_say_that_nothing_changes(result: str, state: str) -> None:
    log = Log()
    log.same("w1")
    if result:
        log.summary(result)
    assert headline(log.report()) == f"production: the preview {state}"
    flag(log, "w2")
    changes = "1 node changes, 1 unit restarts, no drift"
    assert headline(log.report()) == f"production: the preview {state}; found before: {changes}"


def test_errors_are_whole() -> None:
    """Such as all errors of a configuration."""
    log = Log()
    log.message("\n".join(f"wrong {number}" for number in range(50)), severity="error")
    log.message("\n".join(f"odd {number}" for number in range(50)), severity="warning")
    log.summary("failed")
    printed = Terminal().render(log.report())
    assert "error: wrong 0\n" in printed and "  wrong 49\n" in printed
    assert "warning: odd 0\n" in printed and "odd 49" not in printed


def test_drift_is_apart() -> None:
    log = Log()
    flag(log, "w1")
    flag(log, "w2", found={"node": "w2", "files": {CONFIG: text("by hand\n")}})
    name, inputs = "w3-kubelet", {"node": "w3", "units": {"kubelet.service": {"active": True}}}
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, inputs), new=state(name, inputs))
    log.row("w3", "UnitStep", "kubelet.service", "create", action="start", because="it was found stopped")
    intended, drifted = Terminal().render(log.report()).split("drift: not as the last run left it\n")
    assert "w1\n" in intended and "edited on the node, too" in intended
    assert drifted.startswith("w3\n  start    kubelet.service  it was found stopped\n")


@pytest.mark.parametrize("case", CASES)
def test_json_reads_back(case: str) -> None:
    report = recorded(case)
    assert data.from_json(data.to_json(report)) == report


@pytest.mark.parametrize("given", ['{\n "version": 99}', '{\n "name": 1}', "{\n}"])
def test_json_of_another_version_is_refused(given: str) -> None:
    with pytest.raises(data.OtherVersion, match="no report of version 1"):
        data.from_json(given)


@pytest.mark.parametrize("form", FORMS)
def test_no_format_holds_a_secret(form: str) -> None:
    """Even if the engine would hand one on."""
    log, name, marker = Log(), "w1-kubelet", "s3cret-0123456789"
    for key, value in (("key", {**hidden(), "plaintext": marker}), ("other", hidden())):
        inputs = {"node": "w1", "files": {f"/etc/{key}": text(value)}, "connection": {"privateKey": value}}
        log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, inputs), new=state(name, inputs))
        log.row("w1", "File", f"/etc/{key}", "update", change="content")
    log.message(f"register resource outputs: {marker}", severity="debug")
    log.summary()
    assert marker in "".join(log.lines)
    shown = rendered(log.report(), form)
    assert marker not in shown and "/etc/key" in shown


@pytest.mark.parametrize("form", FORMS)
def test_public_marker_is_found(form: str) -> None:
    """The search of the test above can find something."""
    log, name, marker = Log(), "w1-kubelet", "public-0123456789"
    old, new = ({"node": "w1", "files": {"/etc/x": text(one)}} for one in ("a\n", f"{marker}\n"))
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, old), new=state(name, new))
    log.row("w1", "File", "/etc/x", "update", change="content")
    assert marker in rendered(log.report(), form)


def test_recorded_logs_name_no_account_and_no_key() -> None:
    for file in HERE.glob("*.jsonl"):
        found = re.findall(r"hostKey|privateKey(?!:)|PRIVATE KEY|ssh-ed25519|/(?:tmp|root|home)/", file.read_text())
        assert not found, file.name


class Page(HTMLParser):
    """The elements of a page, and those that are not closed."""

    VOID = ("meta", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("case", CASES)
def test_html_is_whole_and_needs_no_network(case: str) -> None:
    page = Page(html.render(recorded(case)))
    assert page.open == []
    assert not [tag for tag, _ in page.seen if tag in ("script", "link", "img", "iframe", "form")]
    targets = [value for _, attributes in page.seen for key, value in attributes.items() if key in ("href", "src")]
    assert targets == ["#report"]


def test_html_and_markdown_escape() -> None:
    log, name = Log(), "w1-kubelet"
    old, new = ({"node": "w1", "files": {"/etc/x": text(one)}} for one in ("a\n", "<script>alert(1)</script>\n```\n"))
    log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, old), new=state(name, new))
    log.row("w1", "File", "/etc/x", "update", change="content")
    log.message("w1: <b>|@someone", name, "warning")
    report = log.report()
    assert "<script>" not in html.render(report)
    comment = markdown.render(report)
    assert "````diff\n" in comment, "the fence is longer than any in the text"
    assert "&lt;b&gt;\\|@\u200bsomeone" in comment


def test_comment_is_not_too_long() -> None:
    log = Log()
    for number in range(300):
        name, node = f"w{number}-kubelet", f"w{number}"
        old, new = ({"node": node, "files": {"/etc/x": text(f"{number} {one}\n" * 70)}} for one in ("a", "b"))
        log.step("resourcePreEvent", "update", NODE_STATE, name, old=state(name, old), new=state(name, new))
        log.row(node, "File", "/etc/x", "update", change="content")
        for unit in range(8):
            because = f"a long cause, such as a file of this node alone: /etc/systemd/system/{node}-{unit}.conf changes"
            log.row(node, "UnitStep", f"unit-{unit}.service", "update", action="restart", because=because)
    assert len(markdown.render(log.report())) < 65_536


@pytest.mark.parametrize("case", UPDATED)
def test_first_line_is_the_headline(case: str) -> None:
    report = recorded(case)
    assert Terminal().render(report).splitlines()[0] == headline(report)
    assert f"<h1>{headline(report)}</h1>" in html.render(report)
    assert re.sub(r"[\\*]", "", markdown.render(report).splitlines()[1]) == headline(report)


def test_color_is_for_terminals_only() -> None:
    assert "\x1b[" not in Terminal().render(recorded("flag"))
    assert "\x1b[33mrestart" in Terminal(color=True).render(recorded("flag"))


def test_two_hundred_nodes_in_two_seconds_and_two_megabytes() -> None:
    """No two of them are equal."""
    log = Log()
    content = {f"/etc/file-{number}": text("key: value\n" * 400) for number in range(3)}
    for number in range(200):
        node = f"w{number}"
        for _ in range(3):
            log.same(node, {"files": content})
        flag(log, node, f"{number + 1} of 200", most=10)
        because = f"/etc/of-{number} changes"
        log.row(node, "UnitStep", "containerd.service", "update", action="restart", because=because)
    log.summary()
    begun = time.process_time()
    [stream] = read(log.lines)
    page = html.render(build(stream))
    assert time.process_time() - begun <= 2
    assert len(page.encode()) <= 2_000_000
