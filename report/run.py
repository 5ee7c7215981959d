"""Runs `pulumi` and prints the report of what it does: `python -m report.run [options] -- pulumi preview`.

The engine's events go through a pipe, never into a file: its debug lines hold the stack's outputs in clear, secret or not.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from report import data
from report.__main__ import exit_status, load, rendered
from report.events import NotEvents, Reader, Stream
from report.happened import combined, compare
from report.live import View, chosen_view
from report.model import Report
from report.progress import Progress
from report.saved import save

POLL_MILLISECONDS = 200
CHUNK = 1 << 20


def run(command: Sequence[str], output: IO[str] | None = None, view: View | None = None) -> tuple[int, list[Stream]]:
    """The exit status of the command and the streams of its events, none if it ended before it began.

    `output` takes what the command prints; by default it is printed. `view` sees the events as they come.
    """
    reader, view = Reader(), view or View()
    with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
        pipe = Path(folder) / "events"
        os.mkfifo(pipe, 0o600)
        # Opened before the engine does, and without waiting for it: it may end before it opens its end.
        events = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        # Ctrl-C is the engine's, which gets it too: it ends the run properly, and is waited for. A signal that is caught
        # here has its default action in the command, even if this process was started with it ignored.
        former = signal.signal(signal.SIGINT, lambda *_: view.interrupted())
        try:
            running = subprocess.Popen(
                [*command, "--event-log", str(pipe)],
                env={**os.environ, "PULUMI_DEBUG_COMMANDS": "true"},
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
            )
            with view:
                _follow(events, running, reader, view)
        finally:
            signal.signal(signal.SIGINT, former)
            os.close(events)
    try:
        return running.returncode, reader.finish()
    except NotEvents:
        return running.returncode, []


def _follow(events: int, running: subprocess.Popen[bytes], reader: Reader, view: View) -> None:
    """Reads until the command has ended and the pipe is empty."""
    rest = b""
    waiting = select.poll()
    waiting.register(events, select.POLLIN)
    while True:
        ended = running.poll() is not None
        ready = any(event & select.POLLIN for _, event in waiting.poll(POLL_MILLISECONDS))
        chunk = os.read(events, CHUNK) if ready else b""
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            # A killed engine leaves half a line. The command is followed to its end in any case.
            with suppress(NotEvents):
                if (event := reader.feed(line.decode(errors="replace"))) is not None:
                    view.see(event)
        view.idle()
        if not chunk:
            if ended:
                return
            # Without a writer the poll returns at once.
            try:
                running.wait(POLL_MILLISECONDS / 1000)
            except subprocess.TimeoutExpired:
                continue


def main(arguments: list[str] | None = None) -> int:
    """The command line. The exit status is that of the command, or OVER_BUDGET."""
    parser = argparse.ArgumentParser(prog="python -m report.run", description=__doc__)
    parser.add_argument("--log", type=Path, help="file for the engine's own output, which is printed otherwise")
    parser.add_argument("--json", type=Path, help="write the report in JSON to this file, too")
    parser.add_argument("--forecast", type=Path, help="report in JSON of the preview of before: its update is compared")
    parser.add_argument("--save", type=Path, help="save the report and its page in this folder")
    parser.add_argument("--override-budget", action="store_true", help="go on if the plan exceeds its budget")
    parser.add_argument("command", nargs="+", help="the command, after --")
    chosen = parser.parse_args(arguments)
    forecast = load(chosen.forecast) if chosen.forecast is not None else None
    status, streams = run_logged(chosen.command, chosen.log, forecast)
    if not streams:
        return status or 1
    report = combined(streams) if forecast is None else compare(forecast, streams[-1])
    if report.budget is not None:
        report = replace(report, budget=replace(report.budget, overridden=chosen.override_budget))
    shown = rendered(report, "terminal", to_terminal=sys.stdout.isatty(), outcome=chosen.forecast is not None)
    sys.stdout.write(shown)
    if chosen.json is not None:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(data.to_json(report))
    if chosen.save is not None:
        print(f"page: {save(report, chosen.save)}")
    return status or exit_status(report)


def run_logged(command: Sequence[str], log: Path | None, forecast: Report | None = None) -> tuple[int, list[Stream]]:
    """As `run`. The output goes into the log if there is one; it is printed if there are no events.

    With a log, a view shows how far the nodes are.
    """
    if log is None:
        return run(command)
    log.parent.mkdir(parents=True, exist_ok=True)
    if forecast is None:
        print(f"plumbline: working out what changes; the engine's own output: {log}", file=sys.stderr)
    with log.open("w") as output:
        status, streams = run(command, output, chosen_view(Progress(forecast)))
    if not streams:
        sys.stdout.write(log.read_text())
    elif forecast is not None:
        print(f"the engine's own output: {log}")
    return status, streams


if __name__ == "__main__":
    sys.exit(main())
