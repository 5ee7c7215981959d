"""Commands of a build."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.errors import UserError
from builder.process import run

ROOT = Path(__file__).resolve().parents[3]


def test_run_returns_both_streams(tmp_path: Path) -> None:
    lines: list[str] = []
    script = "pwd; echo $NAME >&2"
    printed = run(["sh", "-c", script], tmp_path, {"NAME": "value"}, each_line=lines.append)
    assert printed == f"{tmp_path}\nvalue\n"
    assert lines == [str(tmp_path), "value"]


def test_run_reports_a_failure_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"`sh -c echo no; exit 3` failed in {tmp_path}:\nno$"):
        run(["sh", "-c", "echo no; exit 3"], tmp_path)


def test_run_reports_a_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UserError, match="cannot run program: No such file"):
        run(["program"])


def test_run_ends_with_its_process(tmp_path: Path) -> None:
    code = f"from builder.process import run; run(['sh', '-c', 'echo $$ >{tmp_path}/pid; exec sleep 60'])"
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 10
    while not (pid.exists() and pid.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    command = Path(f"/proc/{pid.read_text().strip()}/stat")
    assert command.exists()
    caller.kill()
    caller.wait()
    while command.exists() and command.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
