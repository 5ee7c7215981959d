"""Files in a local state folder that a killed run leaves, and that would block every later run: its lock, and a half-written
attributes file."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from toolchain.environment import environment


def clear_stale(project: Path, stack: str) -> Iterator[str]:
    """Remove each lock of a stack whose process has ended on this host, and then attributes that it was writing; yield one
    sentence per removed file.

    A lock of another host, of a running engine or with unknown content is kept: the engine then refuses to run and names
    it. Only state in a local folder has such files.
    """
    state = _state(project)
    if state is None:
        return
    kept = False
    for file in sorted(state.glob(f".pulumi/locks/organization/*/{stack}/*.json")):
        try:
            lock = json.loads(file.read_text())
            pid, host = int(lock["pid"]), str(lock["hostname"])
        except (OSError, ValueError, KeyError, TypeError):
            kept = True
            continue
        if host == socket.gethostname() and not _engine_runs(pid):
            file.unlink(missing_ok=True)
            since = lock.get("timestamp", "an unknown time")
            yield f"removed the lock of an earlier run of stack {stack}: its process {pid} on this host, from {since}, has ended"
        else:
            kept = True
    if not kept:
        yield from _half_written(state, stack)


def _half_written(state: Path, stack: str) -> Iterator[str]:
    """The library that writes the state (gocloud.dev/blob/fileblob) replaces a file at once, and the attributes beside it
    (a checksum) not: a run that is killed in between leaves them empty, and then the engine cannot read the state
    ("failed to load checkpoint: EOF"), which is whole. Without attributes it can."""
    for pattern in (f"stacks/*/{stack}.json*.attrs", f"history/*/{stack}/*.attrs", f"backups/*/{stack}/*.attrs"):
        for file in sorted(state.glob(f".pulumi/{pattern}")):
            try:
                json.loads(file.read_text())
            except ValueError:
                file.unlink(missing_ok=True)
                yield f"removed {file.name} of stack {stack}, which an earlier run has left half-written: the state itself is whole"
            except OSError:
                continue


def _state(project: Path) -> Path | None:
    """The folder of the state, None if the state is elsewhere."""
    address = urlsplit({**environment(project), **os.environ}.get("PULUMI_BACKEND_URL", ""))
    if address.scheme != "file":
        return None
    return Path(unquote(address.netloc + address.path)).expanduser()


def _engine_runs(pid: int) -> bool:
    """Whether a process with this number runs that can be an engine. The number of an ended one may be in use again."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return name.startswith("pulumi") and state != "Z"
