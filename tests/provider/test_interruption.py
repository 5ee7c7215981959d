"""A run that is killed at any point: the next one ends in the same state, with nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import UNIT, said, serve
from tests.provider.test_views import lose, rows


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up."""
    serve(remote)
    return remote


def killed(bench: Bench, reached: Callable[[], bool]) -> None:
    """Runs `up` and kills the engine by SIGKILL once `reached` is true; waits until the provider is gone too."""

    def kill() -> None:
        wait_for("the point to kill at", reached)
        for pid in engines(bench):
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(automation.CommandError):
        bench.stack.up(on_output=bench.printed.append, color="never")
    killer.join()
    wait_for("the provider's end", lambda: not plugins(bench))
    # The state's lock was the killed engine's.
    for lock in bench.folder.glob("state/.pulumi/locks/**/*.json"):
        lock.unlink()


def engines(bench: Bench) -> list[int]:
    """The engines that work on this stack's state."""
    return _processes(bench, "pulumi")


def plugins(bench: Bench) -> list[int]:
    """The providers that engines of this stack started."""
    return [pid for pid in _processes(bench, "python") if b"provider" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _processes(bench: Bench, name: str) -> list[int]:
    found = []
    mark = f"PLUMBLINE_TRACE={bench.trace}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                program = (entry / "cmdline").read_bytes().split(b"\0")[0].decode().rpartition("/")[2]
                found += [int(entry.name)] if program.startswith(name) else []
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def wait_for(what: str, probe: Callable[[], bool], seconds: int = 60) -> None:
    """Polls `probe` until it is true; fails naming `what` once the time is over."""
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def traced(bench: Bench, operation: str) -> Callable[[], bool]:
    """Whether the provider has sent this operation."""
    return lambda: bench.trace.exists() and f'"op": "{operation}"' in bench.trace.read_text()


@pytest.mark.parametrize("operation", ["stage", "commit", "restart", "ready"])
def test_killed_run_is_completed_by_the_next(served: Bench, systemd: Container, operation: str) -> None:
    before = systemd.started(UNIT)
    served.text("server.conf", "WORD=two\n")
    served.text("more.conf", "more\n")
    served.operations()
    killed(served, traced(served, operation))
    served.operations()
    served.up(refresh=True)
    assert said(systemd) == "two", "the restart that the killed run left was done"
    assert systemd.started(UNIT) != before
    assert systemd.run("find /var/lib/plumbline/journal -type f; find /etc/proof -name '.*' -type f").strip() == ""
    assert systemd.run("cat /etc/proof/server.conf /etc/proof/more.conf") == "WORD=two\nmore\n"
    served.operations()
    assert served.up(refresh=True) == {"same": 2}
    assert served.writes() == 0


def test_creation_that_a_killed_run_has_made_shows_no_file(served: Bench, systemd: Container) -> None:
    """The end of its journal is left to do. Without a row, a creation is read as one of all its files."""
    lose(served)
    systemd.run(
        "mkdir -p /var/lib/plumbline/journal/n1-proof/kept\n"
        f"printf 'run\\t%s\\n' {'0' * 32} >/var/lib/plumbline/journal/n1-proof/log\n"
    )
    assert [one["because"] for one in rows(served).values()] == ["all of it exists"]
    served.up()
    assert systemd.run("find /var/lib/plumbline/journal -type f") == ""
    assert rows(served) == {}


def test_journal_of_a_killed_run_is_shown_and_completed(served: Bench, systemd: Container) -> None:
    """Killed between the files' swap and the restart: the files are as they should be, the unit is not."""
    before = systemd.started(UNIT)
    systemd.run(
        "mkdir -p /var/lib/plumbline/journal/n1-proof/kept\n"
        "cd /var/lib/plumbline/journal/n1-proof\n"
        "cp /etc/proof/server.conf kept/4; echo '# former' >>kept/4\n"
        "printf 'run\\tbroken\\nstaged\\t/etc/proof/gone.conf\\nreact\\trestart\\tproof.service\\n' >log\n"
        "printf 'file\\t4\\t/etc/proof/server.conf\\n' >>log\n"
        "echo half >/etc/proof/.gone.conf.plumbline-new\n"
    )
    assert "n1: proof.service will restart because an interrupted run changed its files" in served.preview()
    assert systemd.started(UNIT) == before
    served.up(refresh=True)
    assert systemd.started(UNIT) != before
    assert systemd.run("find /var/lib/plumbline/journal -type f; find /etc/proof -name '.*' -type f").strip() == ""


def test_notes_of_an_earlier_version_are_shown_and_completed(served: Bench, systemd: Container) -> None:
    """The former format: a restart that is left to do, a staged file, a backup."""
    before = systemd.started(UNIT)
    systemd.run(
        "cd /var/lib/plumbline; mkdir -p pending staged backup/n1-proof\n"
        "echo restart:proof.service >pending/n1-proof; echo /etc/proof/gone.conf >staged/n1-proof\n"
        "echo half >/etc/proof/.gone.conf.plumbline-new; : >backup/n1-proof/index\n"
    )
    assert "n1: proof.service will restart because an interrupted run changed its files" in served.preview()
    assert systemd.started(UNIT) == before
    served.up(refresh=True)
    assert systemd.started(UNIT) != before
    left = "cd /var/lib/plumbline; find pending staged backup -type f; find /etc/proof -name '.*' -type f"
    assert systemd.run(left).strip() == ""
    assert served.up(refresh=True) == {"same": 2}


def test_broken_change_of_a_killed_run_is_rolled_back_by_the_next(served: Bench, systemd: Container) -> None:
    """The files proven before the killed run are restored, not those that it wrote."""
    served.text("server.conf", "WORD=broken\n")
    served.operations()
    killed(served, traced(served, "restart"))
    failure = served.fails()
    assert "n1: proof.service is not ready" in failure
    assert "n1: the previous files were put back and proof.service restarted" in failure
    assert said(systemd) == "one"
    assert systemd.run("cat /etc/proof/server.conf") == "WORD=one\n"


def test_lock_keeps_two_runs_apart(served: Bench, systemd: Container) -> None:
    """A killed run's script may still be at work on the node: the next one waits for it."""
    holder = subprocess.Popen(
        systemd.command(
            "exec 9>/run/plumbline/n1-proof.lock; flock 9; touch /run/proof-held; sleep 8; rm /run/proof-held"
        ),
    )
    wait_for("the lock", lambda: systemd.run("ls /run/proof-held 2>/dev/null || true").strip() != "")
    served.text("server.conf", "WORD=two\n")
    served.up()
    assert systemd.run("ls /run/proof-held 2>/dev/null || true").strip() == "", "it waited"
    assert said(systemd) == "two"
    assert holder.wait(10) == 0
