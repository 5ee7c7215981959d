"""The commands: a program that writes events, as `pulumi` does, and the report after it."""

from __future__ import annotations

import json
import signal
import stat
import sys
from pathlib import Path

import pytest

from report import data, saved
from report.__main__ import OVER_BUDGET
from report.__main__ import main as render
from report.run import main
from tests.unit.report.recorded import HERE, recorded
from tests.unit.report.streams import Log, done, flag
from tests.unit.report.test_budget import planned
from tests.unit.report.test_happened import restarting

ENGINE = """
import sys
*parts, last, log = sys.argv[1:]
assert last == "--event-log"
print("the engine's own output")
for part in parts[1:]:
    with open(log, "a") as file:
        file.write(open(part).read())
sys.exit(int(parts[0]))
"""
"""Writes each file to the log, which it opens again for each, as `pulumi up` does for its preview and its update."""


@pytest.fixture
def engine(tmp_path: Path) -> list[str]:
    program = tmp_path / "engine.py"
    program.write_text(ENGINE)
    return [sys.executable, str(program)]


def written(folder: Path, name: str, log: Log) -> str:
    """A file with a log's events."""
    file = folder / name
    file.write_text("\n".join(log.lines) + "\n")
    return str(file)


def test_preview(tmp_path: Path, engine: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "preview.log"
    events = str(HERE / "flag-preview.jsonl")
    assert main(["--log", str(log), "--json", str(tmp_path / "r.json"), "--", *engine, "0", events]) == 0
    printed, told = capfd.readouterr()
    assert printed.startswith("hosts: 1 node changes, 1 unit restarts, no drift\n")
    assert told == f"plumbline: working out what changes; the engine's own output: {log}\n"
    assert log.read_text() == "the engine's own output\n"
    assert data.from_json((tmp_path / "r.json").read_text()).stack == "hosts"


def test_preview_and_update_of_one_command(
    tmp_path: Path, engine: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    files = [str(HERE / f"flag-{kind}.jsonl") for kind in ("preview", "update")]
    assert main(["--save", str(tmp_path / "plans"), "--", *engine, "0", *files]) == 0
    printed = capfd.readouterr().out
    assert printed.startswith("the engine's own output\n")
    assert "happened: succeeded after 22 s: 1 of 1 node done, as forecast\n" in printed
    [page] = (tmp_path / "plans").glob("*.html")
    assert f"page: {page}\n" in printed
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert data.from_json(page.with_suffix(".json").read_text()) == recorded("flag")
    first, second = saved.listed(tmp_path / "plans")
    assert first == "2026-11-28T14:55:49Z  hosts: 1 node changes, 1 unit restarts, no drift"
    assert second.strip() == f"succeeded after 22 s: 1 of 1 node done, as forecast; {page}"


def test_update_beside_the_forecast_of_before(
    tmp_path: Path, engine: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    forecast = tmp_path / "forecast.json"
    forecast.write_text(data.to_json(recorded("flag")))
    preview, update = Log(), Log(preview=False)
    for log in (preview, update):
        flag(log, "w1")
    preview.summary()
    restarting(update, "w1")
    restarting(update, "w1", "containerd.service")
    done(update, "w1")
    update.summary()
    forecast.write_text(data.to_json(preview.report()))
    status = main(["--forecast", str(forecast), "--", *engine, "0", written(tmp_path, "update", update)])
    assert status == 0
    assert capfd.readouterr().out == (
        "the engine's own output\n"
        "happened: succeeded after 7 s: 1 of 1 node done, 1 node not as forecast\n"
        "  w1: containerd.service: restart, not forecast\n"
    )


def test_failure_of_the_engine_is_the_status(
    tmp_path: Path, engine: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--log", str(tmp_path / "log"), "--", *engine, "7", str(HERE / "flag-preview.jsonl")]) == 7
    capfd.readouterr()
    assert main(["--log", str(tmp_path / "log"), "--", *engine, "7"]) == 7
    assert capfd.readouterr().out == "the engine's own output\n", "without events its own output is shown"


def test_ctrl_c_reaches_an_engine_of_a_process_that_ignores_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "engine.py"
    program.write_text("import signal\nprint(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n")
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        main(["--", sys.executable, str(program)])
    finally:
        signal.signal(signal.SIGINT, former)
    assert capfd.readouterr().out == "True\n"


def test_half_a_line_of_a_killed_engine_is_skipped(
    tmp_path: Path, engine: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    half = tmp_path / "half"
    half.write_text('{"sequence":12,"timest\n')
    files = [str(HERE / "flag-preview.jsonl"), str(half), str(HERE / "flag-update.jsonl")]
    assert main(["--log", str(tmp_path / "log"), "--", *engine, "0", *files]) == 0
    assert "1 of 1 node done, as forecast" in capfd.readouterr().out


def test_budget(tmp_path: Path, engine: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    events = written(tmp_path, "events", planned({"maxRestarts": 2}))
    assert main(["--log", str(tmp_path / "log"), "--", *engine, "0", events]) == OVER_BUDGET
    assert "budget exceeded: 3 restarts and stops\n" in capfd.readouterr().out
    assert main(["--log", str(tmp_path / "log"), "--override-budget", "--", *engine, "0", events]) == 0
    assert "budget exceeded, overridden: 3 restarts and stops\n" in capfd.readouterr().out


def test_no_event_is_kept_in_a_file(tmp_path: Path, engine: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    marker = "s3cret-of-a-debug-line"
    log = Log()
    log.message(f"register resource outputs prepared: {marker}", severity="debug")
    flag(log, "w1")
    log.summary()
    events = written(tmp_path, "events", log)
    assert main(["--save", str(tmp_path / "plans"), "--json", str(tmp_path / "r"), "--", *engine, "0", events]) == 0
    found = [file for file in tmp_path.rglob("*") if file.is_file() and marker in file.read_text()]
    assert [file.name for file in found] == ["events"], "only the file that this test has written"


def test_command_line_renders_a_saved_report_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    assert render([str(HERE / "drift-preview.jsonl"), "--format", "json", "--output", str(file)]) == 0
    assert json.loads(file.read_text())["version"] == 1
    assert render([str(file)]) == 0
    assert capsys.readouterr().out.startswith("hosts: 2 nodes change")


@pytest.mark.parametrize("content", ["pulumi 3.256\n", "", '{\n "version": 2}'])
def test_command_line_refuses_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    file = tmp_path / "x"
    file.write_text(content)
    assert render([str(file)]) == 1
    assert capsys.readouterr().err.startswith("report: ")


def test_list_of_no_reports(tmp_path: Path) -> None:
    assert list(saved.listed(tmp_path)) == []
