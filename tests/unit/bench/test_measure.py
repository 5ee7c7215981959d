"""The measuring process: it counts children, what they leave behind, and memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.hosts.measure import Failed, measure


def test_measure_counts_processor_time_and_memory_of_all_processes(tmp_path: Path) -> None:
    line = "import time; held = bytearray(60 << 20); end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    command = ["sh", "-c", f"'{sys.executable}' -c '{line}' & wait; sleep 0.3; echo done"]
    measured, printed = measure(command, tmp_path, os.environ, tmp_path)
    assert printed == "done\n"
    assert measured.seconds > 0.6 and measured.processor > 0.3
    assert measured.resident > 60 << 20 and measured.machine > 0.3


def test_measure_ends_what_the_command_leaves_behind(tmp_path: Path) -> None:
    left = tmp_path / "left"
    command = ["sh", "-c", f"setsid sh -c 'echo $$ >{left}; exec sleep 600' & sleep 0.3"]
    measured, _ = measure(command, tmp_path, os.environ, tmp_path)
    assert measured.seconds < 60
    assert not Path("/proc", left.read_text().strip()).exists()


def test_measure_raises_with_the_output_of_a_failed_command(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"ended with 3:\nno"):
        measure(["sh", "-c", "echo no; exit 3"], tmp_path, os.environ, tmp_path)
