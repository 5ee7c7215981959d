"""Background processes of a lab: each has a pidfile, and carries its pidfile's path in its environment.

The mark in the environment says for certain that a process is ours: a recorded number alone may have gone to another
process since, and a run that was killed may not have recorded it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.context import LabError

MARK = "PLUMBLINE_LAB_PROCESS"

# The number is written by the process itself, before it becomes the command: no moment without a record.
_START = 'echo $$ >"$PLUMBLINE_LAB_PROCESS"; exec "$@"'


def start(
    pidfile: Path, command: Sequence[str], log: Path, *, folder: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Starts `command` in a session of its own, its output appended to `log`. The caller waits for what it serves."""
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
    """The command that notes its number in the pidfile that MARK names in its environment, then becomes `command`."""
    return ["sh", "-c", _START, "sh", *command]


def running(pidfile: Path) -> int | None:
    """The process of a pidfile, or None where it is not running."""
    try:
        pid = int(pidfile.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _mark(pid) == str(pidfile) else None


def stop(pidfile: Path, seconds: float = 10) -> None:
    """Ends the process: by SIGTERM, by SIGKILL after `seconds`. Removes the pidfile. Safe to repeat."""
    for pid in {running(pidfile), *marked(pidfile)} - {None}:
        assert pid is not None
        end(pid, seconds)
    pidfile.unlink(missing_ok=True)


def end(pid: int, seconds: float) -> None:
    """Ends one process and waits until it is gone. Raises LabError where even SIGKILL does not end it."""
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
    raise LabError(f"process {pid} does not end, not even by SIGKILL: see /proc/{pid}/stack")


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not. Reaps it where it is our child."""
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
    """Every process whose mark is `below`, or a file below that folder."""
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
