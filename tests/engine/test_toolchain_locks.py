"""The lock of a killed engine: it blocks the next run until it is cleared, and only a lock of a dead process is cleared."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.project import Project, until
from toolchain import locks

Make = Callable[..., Project]
PROGRAM = """
    import pathlib, time

    pathlib.Path("started").touch()
    time.sleep(600)
"""


@pytest.fixture
def trial(project: Make, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose `up` waits; its state's folder is this process's, too."""
    made = project(PROGRAM)
    monkeypatch.setenv("PULUMI_BACKEND_URL", made.variables["PULUMI_BACKEND_URL"])
    return made


def lock_files(trial: Project) -> list[Path]:
    """The locks of the stack."""
    return list(trial.folder.glob(".lab/state/.pulumi/locks/organization/trial/dev/*.json"))


@pytest.fixture
def running(trial: Project) -> subprocess.Popen[bytes]:
    """An `up` in progress, which holds the lock."""
    engine = trial.start_up()
    assert until((trial.folder / "started").exists, 60)
    return engine


def test_lock_of_a_killed_engine_is_cleared(trial: Project, running: subprocess.Popen[bytes]) -> None:
    assert list(locks.clear_stale(trial.folder, "dev")) == [], "the engine runs"
    running.send_signal(signal.SIGKILL)
    running.wait(60)
    trial.program("")
    assert "currently locked" in trial.run("up", "--yes", fails=True)
    assert list(locks.clear_stale(trial.folder, "other")) == []
    [said] = locks.clear_stale(trial.folder, "dev")
    assert f"its process {running.pid} on this host" in said
    assert "has ended" in said
    trial.run("up", "--yes")
    assert list(locks.clear_stale(trial.folder, "dev")) == []


def test_half_written_attributes_of_a_killed_engine_are_removed(trial: Project) -> None:
    trial.program("")
    trial.run("up", "--yes")
    [attributes] = trial.folder.glob(".lab/state/.pulumi/stacks/trial/dev.json.attrs")
    assert list(locks.clear_stale(trial.folder, "dev")) == []
    attributes.write_text("")
    assert "failed to load checkpoint: EOF" in trial.run("up", "--yes", fails=True)
    lock = trial.folder / ".lab/state/.pulumi/locks/organization/trial/dev/one.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": os.getpid(), "hostname": "elsewhere"}))
    assert list(locks.clear_stale(trial.folder, "dev")) == [], "somebody may be writing it"
    lock.unlink()
    [said] = locks.clear_stale(trial.folder, "dev")
    assert said.startswith("removed dev.json.attrs of stack dev, which an earlier run has left half-written")
    trial.run("up", "--yes")


@pytest.mark.parametrize(
    "change",
    [{"hostname": "elsewhere"}, {"pid": None}, {"pid": "x"}],
    ids=["another host", "no process", "damaged"],
)
def test_other_lock_is_kept(trial: Project, change: dict[str, object]) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = {"pid": ended.pid, "username": "root", "hostname": socket.gethostname(), "timestamp": "2026-01-01T00:00:00Z"}
    file = trial.folder / ".lab/state/.pulumi/locks/organization/trial/dev/one.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(lock | change))
    assert list(locks.clear_stale(trial.folder, "dev")) == []
    assert lock_files(trial) == [file]
    file.write_text(json.dumps(lock))
    assert len(list(locks.clear_stale(trial.folder, "dev"))) == 1


def test_process_number_in_use_again_is_no_engine(trial: Project) -> None:
    file = trial.folder / ".lab/state/.pulumi/locks/organization/trial/dev/one.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": os.getpid(), "hostname": socket.gethostname()}))
    assert len(list(locks.clear_stale(trial.folder, "dev"))) == 1
