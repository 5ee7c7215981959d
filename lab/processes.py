"""Background processes of a lab: each has a pidfile, and the pidfile's path in its environment.

The environment variable identifies the process: the ID in a pidfile may have been reused by another process, and a run
that was killed may not have written the pidfile.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from builder.errors import UserError

MARK = "PLUMBLINE_LAB_PROCESS"

# The process writes its own ID before it executes the command, so a running command always has a pidfile.
_START = 'echo $$ >"$PLUMBLINE_LAB_PROCESS"; exec "$@"'


def start(
    pidfile: Path, command: Sequence[str], log: Path, *, folder: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Start `command` in its own session and append its output to `log`. Does not wait until it is ready."""
    pidfile.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        subprocess.Popen(
            recorded(command),
            cwd=folder,
            env={**os.environ, **(environment or {}), MARK: str(pidfile)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def recorded(command: Sequence[str]) -> list[str]:
    """Return the command that writes its process ID to the pidfile named by MARK, then executes `command`."""
    return ["sh", "-c", _START, "sh", *command]


def running(pidfile: Path) -> int | None:
    """Return the process ID of a pidfile, or None if the process is not running."""
    try:
        pid = int(pidfile.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _mark(pid) == str(pidfile) else None


def stop(pidfile: Path, seconds: float = 10) -> None:
    """Stop the process with SIGTERM, after `seconds` with SIGKILL, and remove the pidfile. Idempotent."""
    for pid in {running(pidfile), *marked(pidfile)} - {None}:
        assert pid is not None
        end(pid, seconds)
    pidfile.unlink(missing_ok=True)


def end(pid: int, seconds: float) -> None:
    """Stop one process and wait until it has ended. Raises UserError if SIGKILL has no effect."""
    steps = ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0))
    for number, patience in steps if seconds > 0 else steps[1:]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while alive(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
    raise UserError(f"process {pid} does not end after SIGKILL: see /proc/{pid}/stack")


def alive(pid: int) -> bool:
    """Return whether the process runs; a zombie does not. Reap it if it is a child of this process."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def marked(below: Path) -> list[int]:
    """Return every process whose MARK is `below` or a file below that folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            mark = _mark(int(entry.name))
            if mark is not None and (mark == str(below) or mark.startswith(f"{below}/")):
                found.append(int(entry.name))
    return sorted(found)


def _mark(pid: int) -> str | None:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    for item in environment.split(b"\0"):
        name, _, value = item.partition(b"=")
        if name == MARK.encode():
            return value.decode(errors="replace") if alive(pid) else None
    return None
