"""A run's own mounts, network and processes: nothing of it outlives the run, whatever ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench.hosts.host import NETWORK

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "PLUMBLINE_BENCH_FOLDER"
MEMORY = "16g"


def run(module: str, arguments: Sequence[str]) -> int:
    """Runs a module of this project in namespaces of this run, with a folder in memory; returns its exit status.

    The module finds the folder with `folder()`. When this process ends, for any reason, the kernel ends all that runs in the
    namespaces; their mounts end with them. It needs root.
    """
    if os.geteuid() != 0:
        sys.exit("simulated hosts need root: they mount, and have own networks")
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    place = Path(tempfile.mkdtemp(prefix="plumbline-hosts-"))
    command = ["setpriv", "--pdeathsig", "KILL", "unshare"]
    command += ["--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    environment = {**os.environ, INSIDE: str(place), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, sys.executable, "-m", module, *arguments], env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        # Not SIGTERM: unshare ignores that while its child runs. The kernel kills the child with it.
        process.kill()
        process.wait()
        shutil.rmtree(place, ignore_errors=True)


def enter() -> Path:
    """Called inside: makes the hosts' network and the folder in memory, and returns that."""
    place = Path(os.environ[INSIDE])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEMORY},mode=0700", "tmpfs", str(place)], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Every address of the network is local then.
    subprocess.run(["ip", "route", "add", "local", NETWORK, "dev", "lo"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # The many connections of a run all end on one machine.
    Path("/proc/sys/net/core/somaxconn").write_text("4096")
    return place


def inside() -> bool:
    """Whether this process runs in the namespaces of a run."""
    return INSIDE in os.environ


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
