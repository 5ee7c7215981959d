"""Finds what a lab left on the machine, from the kernel's lists rather than from the lab's records."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lab import cgroups, netns, processes
from lab.context import Lab


def find(lab: Lab) -> list[str]:
    """Return a line per process, mount, control group, namespace and file that a lab left. Empty after `down`."""
    return [*_processes(lab), *_mounts(lab), *_groups(lab), *_namespace(lab), *_files(lab)]


def inside(lab: Lab) -> set[int]:
    """Return the processes in the lab's network namespace, except this process and its ancestors."""
    if not lab.namespace.exists():
        return set()
    namespace, found = lab.namespace.stat().st_ino, set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # A process may end during the check.
            with contextlib.suppress(OSError):
                if (entry / "ns/net").stat().st_ino == namespace:
                    found.add(int(entry.name))
    return found - _ancestors()


def describe(processes: set[int]) -> list[str]:
    """Return process ID and command of each process, for a message."""
    return [f"process {pid}: {_command(pid)}" for pid in sorted(processes)]


def _processes(lab: Lab) -> list[str]:
    ours = inside(lab) | set(processes.marked(lab.state))
    for group in _own_groups(lab):
        ours |= cgroups.members(group) - {0}
    return describe(ours - _ancestors())


def _ancestors() -> set[int]:
    found, pid = set(), os.getpid()
    while pid > 0:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def _mounts(lab: Lab) -> list[str]:
    """Look in this mount namespace only: the mounts of a host end with its processes."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point.startswith(f"{lab.state}/"):
            found.append(f"mount {point}")
    return found


def _groups(lab: Lab) -> list[str]:
    return [f"control group {group}" for group in _own_groups(lab)]


def _own_groups(lab: Lab) -> list[Path]:
    return cgroups.named(lambda name: name.startswith(f"{lab.name}."))


def _namespace(lab: Lab) -> list[str]:
    return [f"network namespace {lab.name}"] if netns.exists(lab) else []


def _files(lab: Lab) -> list[str]:
    records = [lab.owner, *lab.state.glob("*.pid"), *lab.state.glob("*/*.pid")]
    hosts = [*lab.hosts.glob("*")] if lab.hosts.exists() else []
    nspawn = [*Path("/run/systemd/nspawn").glob(f"*/{lab.name}.*")]
    return [f"file {file}" for file in (*records, *hosts, *nspawn) if file.exists()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:160]
    except OSError:
        return "(ended)"
