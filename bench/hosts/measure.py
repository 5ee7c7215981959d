"""One command, measured: time, processor time of it and of all that it started, and the peak memory of these processes.

`python -m bench.hosts.measure RESULT COMMAND...` runs the command and writes the result as JSON. That process adopts what the
command leaves behind, such as ssh's shared connections, and ends and counts it, too.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.hosts.isolation import ROOT

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.2
PSS_EVERY = 5
"""Proportional memory is read once in so many samples: it takes the kernel longer."""

END_SECONDS = 10
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """Seconds until the command ended, seconds of processor time, and bytes: the peak of the sum over its processes.

    `resident` counts memory that processes share once per process, `proportional` once in all. `machine` is the processor time
    of all that ran on this machine meanwhile: the hosts' side, too. `programs` is the processor time by program, of those that
    lived long enough to be seen.
    """

    seconds: float
    processor: float
    resident: int
    proportional: int
    machine: float
    programs: Mapping[str, float] = field(default_factory=dict)


class Failed(Exception):
    """A measured command that failed, with the end of its output."""


def measure(command: Sequence[str], folder: Path, variables: Mapping[str, str], scratch: Path) -> tuple[Measured, str]:
    """Runs a command in a folder; returns the measurement and the output. Raises Failed.

    `scratch` is a folder for the result. No other measurement uses it at the same time.
    """
    result = scratch / "measured.json"
    result.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "bench.hosts.measure", str(result), *command],
        cwd=folder,
        env={**variables, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[:4])} ... ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return Measured(**json.loads(result.read_text())), done.stdout


def main() -> int:
    """The measuring process. Its own time and memory are not counted."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result, command = Path(sys.argv[1]), sys.argv[2:]
    worked, seen = busy(), dict[int, tuple[str, float]]()
    began, number, resident, proportional = time.monotonic(), 0, 0, 0
    process = subprocess.Popen(command, env=variables)
    while True:
        try:
            status = process.wait(SAMPLE_SECONDS)
            break
        except subprocess.TimeoutExpired:
            found = list(_below(os.getpid()))
            for one in found:
                # One that is about to end has no name any more.
                name = _program(one) or seen.get(one, ("?", 0.0))[0]
                seen[one] = (name, _processor(one) or seen.get(one, (name, 0.0))[1])
            resident = max(resident, sum(map(_resident, found)))
            if number % PSS_EVERY == 0:
                proportional = max(proportional, sum(map(_proportional, found)))
            number += 1
    seconds = time.monotonic() - began
    worked = busy() - worked
    _end_rest()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    programs = defaultdict[str, float](float)
    for name, spent_by in seen.values():
        programs[name] += spent_by
    measured = Measured(seconds, used.ru_utime + used.ru_stime, resident, proportional, worked, dict(programs))
    result.write_text(json.dumps(asdict(measured)))
    return status


def busy() -> float:
    """Seconds that the machine's cores have worked since it was booted."""
    user, nice, system, _, _, *interrupts = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, (user, nice, system, *interrupts[:2]))) / os.sysconf("SC_CLK_TCK")


def _children(process: int) -> list[int]:
    try:
        return [
            int(word)
            for task in Path(f"/proc/{process}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    except OSError:
        return []  # it has ended


def _below(process: int) -> Iterator[int]:
    for child in _children(process):
        yield child
        yield from _below(child)


def _program(process: int) -> str:
    """The name of a process's program, of an interpreter that of its script or module; empty if it is about to end."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        words = []
    names = [Path(word).name for word in words if word and not word.startswith("-")]
    script = len(names) > 1 and names[0].startswith("python") and "-c" not in words
    return (names[1] if script else names[0]) if names else ""


def _processor(process: int) -> float | None:
    """Seconds of processor time of one process so far; None if it has ended."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _proportional(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _end_rest() -> None:
    """Ends and collects all that the command left behind."""
    deadline = time.monotonic() + END_SECONDS
    while rest := _children(os.getpid()):
        for one in rest:
            os.kill(one, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.05)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main())
