"""Control groups for container hosts on machines without systemd.

Each host gets a sub-group in every hierarchy, below the group of this process: groups above and beside it belong to
other programs. systemd 252 runs in such a group on cgroup v1. A hierarchy that does not allow one is skipped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from builder.errors import UserError


def create(name: str) -> list[Path]:
    """Create the sub-groups `name` and return them. New cpuset groups are empty: copy the parent's cpus and mems."""
    groups = []
    for parent in _own():
        group = parent / name
        try:
            group.mkdir(exist_ok=True)
        except OSError:
            continue
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (group / setting).exists() and (parent / setting).exists() and not _read(group / setting):
                (group / setting).write_text(_read(parent / setting))
        groups.append(group)
    return groups


def named(wanted: Callable[[str], bool]) -> list[Path]:
    """Return the topmost groups of this machine, in any hierarchy and below any parent, whose name is `wanted`."""
    found: list[Path] = []
    for mount, _, _ in _mounts():
        for folder, children, _ in os.walk(mount):
            found += [Path(folder) / child for child in children if wanted(child)]
            children[:] = [child for child in children if not wanted(child)]
    return sorted(found)


def members(group: Path) -> set[int]:
    """Return the processes in a group and its descendants."""
    found: set[int] = set()
    for folder, _, _ in os.walk(group):
        with contextlib.suppress(OSError):
            found |= {int(line) for line in (Path(folder) / "cgroup.procs").read_text().split()}
    return found


def remove(groups: list[Path], seconds: float = 20) -> None:
    """Kill the processes in the groups, and remove the groups and their descendants. Raises UserError on a timeout."""
    deadline = time.monotonic() + seconds
    left = groups
    while left := [group for group in left if group.exists() and not _removed(group)]:
        if time.monotonic() > deadline:
            raise UserError(f"control group {left[0]} still has processes after {seconds:.0f} s")
        for group in left:
            for pid in members(group) - {0}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _removed(group: Path) -> bool:
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    except OSError:
        return False
    return True


def _own() -> list[Path]:
    """Return the folder of this process's group in each mounted hierarchy."""
    memberships: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        memberships[controllers] = path
    own = []
    for mount, root, controllers in _mounts():
        if controllers in memberships:
            own.append(mount / os.path.relpath(memberships[controllers], root))
    return own


def _mounts() -> list[tuple[Path, str, str]]:
    """Return for each mounted hierarchy its mount point, the group mounted there, and its controllers.

    Controllers are spelled as in /proc/self/cgroup.
    """
    hierarchies = {line.split(":", 2)[1] for line in Path("/proc/self/cgroup").read_text().splitlines()}
    found: dict[str, tuple[Path, str, str]] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        _, _, _, root, mount, *_ = before.split()
        if kind == "cgroup2":
            found.setdefault("", (Path(mount), root, ""))
        elif kind == "cgroup":
            for controllers in hierarchies - {""}:
                if set(controllers.split(",")) <= set(options.split(",")):
                    found.setdefault(controllers, (Path(mount), root, controllers))
    return list(found.values())


def _read(file: Path) -> str:
    return file.read_text().strip()
