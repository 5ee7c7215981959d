"""The scripts for a node, run for real in a temporary folder; systemctl is a stub that keeps units' states in files."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from nodestate import Directory, File
from provider.remote import journal, scripts
from provider.remote.scripts import Commit

COMPONENT = "n1-proof"
OWNER, GROUP = str(os.getuid()), str(os.getgid())

SYSTEMCTL = r"""#!/bin/sh
# State of a unit: $UNITS/NAME.active, $UNITS/NAME.enabled. Each call is written to $UNITS/calls.
echo "$*" >>"$UNITS/calls"
[ "$1" != --quiet ] || shift
verb=$1
shift
case $verb in
  is-active) [ -e "$UNITS/$1.active" ] && echo active || { echo inactive; exit 3; } ;;
  is-enabled) [ -e "$UNITS/$1.enabled" ] && echo enabled || { echo disabled; exit 1; } ;;
  restart | start) for one; do : >"$UNITS/$one.active"; done ;;
  stop) for one; do rm -f "$UNITS/$one.active"; done ;;
  enable | reenable) : >"$UNITS/$1.enabled" ;;
  disable) [ "$1" != --now ] || { shift; rm -f "$UNITS/$1.active"; }; rm -f "$UNITS/$1.enabled" ;;
esac
exit 0
"""


class Node:
    """A folder that the scripts take for a machine."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.home = folder / "home"
        self.locks = folder / "run"
        self.units = folder / "units"
        for one in (self.root, self.units, folder / "bin"):
            one.mkdir()
        self._path = f"{folder / 'bin'}:{os.environ['PATH']}"
        program = folder / "bin/systemctl"
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)

    def run(self, script: str, run: str = journal.RUN, shell: str = "sh") -> subprocess.CompletedProcess[str]:
        """Runs a script here, as the run with this id."""
        local = (
            script.replace("home=/var/lib/plumbline", f"home={self.home}")
            .replace("locks=/run/plumbline", f"locks={self.locks}")
            .replace(f"run={journal.RUN}", f"run={run}")
            .replace("lock_seconds=120", "lock_seconds=5")
        )
        variables = {"PATH": self._path, "UNITS": str(self.units)}
        return subprocess.run(
            [shell, "-s"], input=local, text=True, capture_output=True, check=False, env=variables, timeout=60
        )

    def ok(self, script: str, run: str = journal.RUN) -> str:
        """The output of a script that must succeed."""
        done = self.run(script, run)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def tree(self) -> dict[str, tuple[str, str, bytes]]:
        """Every path below the root with its mode and owner, and its content or target."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            state = path.lstat()
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(self.root))] = (
                stat.filemode(state.st_mode),
                f"{state.st_uid}:{state.st_gid}",
                content,
            )
        return found

    def state(self) -> dict[str, str]:
        """The units that are active or enabled."""
        return {one.name: "" for one in sorted(self.units.iterdir()) if one.name != "calls"}

    def calls(self) -> list[str]:
        """The calls of systemctl since this was last asked."""
        file = self.units / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def log(self) -> list[str]:
        """The journal's lines."""
        file = self.home / "journal" / COMPONENT / "log"
        return file.read_text().splitlines() if file.exists() else []

    def at(self, name: str) -> str:
        """A path on the node."""
        return str(self.root / name)


def text(content: str, mode: str = "0644", block: bool = False) -> File:
    """A file of the user that runs the tests."""
    return File(content, block=True) if block else File(content, mode=mode, owner=OWNER, group=GROUP)


def folder(mode: str = "0755") -> Directory:
    """A directory of the user that runs the tests."""
    return Directory(mode, OWNER, GROUP)


def stage(files: Mapping[str, File], directories: Mapping[str, Directory] | None = None) -> str:
    """A stage script."""
    return scripts.stage_script(files, directories or {}, COMPONENT)


def commit(files: Mapping[str, File], **more: object) -> str:
    """A commit script for what was staged."""
    whole = [path for path, one in files.items() if not one.block]
    blocks = [path for path, one in files.items() if one.block]
    work = Commit(files=whole, blocks=blocks, owned=[*files], owned_whole=whole, **more)  # type: ignore[arg-type]
    return scripts.commit_script(COMPONENT, work)
