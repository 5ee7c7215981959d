"""Background processes: found and stopped by their environment variable, never by a process ID alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import processes


def _wait(found: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not found():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _start(pidfile: Path, *command: str) -> int:
    processes.start(pidfile, command, pidfile.with_suffix(".log"), folder=pidfile.parent)
    _wait(lambda: processes.running(pidfile) is not None)
    pid = processes.running(pidfile)
    assert pid is not None
    return pid


def test_start_runs_until_stop(tmp_path: Path) -> None:
    pidfile = tmp_path / "x.pid"
    pid = _start(pidfile, "sleep", "60")
    assert processes.marked(tmp_path) == [pid]
    processes.stop(pidfile)
    assert not pidfile.exists()
    assert not processes.alive(pid)
    processes.stop(pidfile)


def test_stop_kills_a_process_that_ignores_sigterm(tmp_path: Path) -> None:
    pidfile, ready = tmp_path / "x.pid", tmp_path / "ready"
    code = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w'); time.sleep(60)"
    pid = _start(pidfile, sys.executable, "-c", code)
    _wait(ready.exists)
    processes.stop(pidfile, 0.2)
    assert not processes.alive(pid)


def test_running_ignores_a_reused_process_id(tmp_path: Path) -> None:
    pidfile = tmp_path / "x.pid"
    other = subprocess.Popen(["sleep", "60"])
    try:
        pidfile.write_text(f"{other.pid}\n")
        assert processes.running(pidfile) is None
        processes.stop(pidfile)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_stop_finds_a_process_without_pidfile(tmp_path: Path) -> None:
    pidfile = tmp_path / "x.pid"
    pid = _start(pidfile, "sleep", "60")
    pidfile.unlink()
    processes.stop(pidfile)
    assert not processes.alive(pid)


def test_marked_ignores_a_folder_with_the_same_prefix(tmp_path: Path) -> None:
    (tmp_path / "lab2").mkdir()
    pidfile = tmp_path / "lab2" / "x.pid"
    _start(pidfile, "sleep", "60")
    try:
        assert processes.marked(tmp_path / "lab") == []
    finally:
        processes.stop(pidfile)


@pytest.mark.parametrize("text", ["", "what\n"])
def test_running_ignores_a_broken_pidfile(tmp_path: Path, text: str) -> None:
    pidfile = tmp_path / "x.pid"
    pidfile.write_text(text)
    assert processes.running(pidfile) is None
    processes.stop(pidfile)
    assert os.listdir(tmp_path) == []
