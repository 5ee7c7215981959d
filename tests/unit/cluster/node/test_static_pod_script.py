"""The script behind a static pod's unit, with stand-ins for ctr and systemctl and a real process as the container."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.node import paths, static_pod
from cluster.node.binaries import Binaries

FIRST, SECOND = "1" * 32, "2" * 32
CTR = """#!/bin/sh
set -eu
world=@
shift 2
pid=$(cat "$world/pid")
case "$1 $2" in
"containers list") echo c1 ;;
"tasks list") ! kill -0 "$pid" 2>/dev/null || echo "c1 $pid RUNNING" ;;
"tasks kill")
  echo "$4" >>"$world/kills"
  kill -9 "$pid"
  sleep 60 >/dev/null 2>&1 &
  echo $! >"$world/pid"
  echo $! >>"$world/pids"
  ;;
esac
"""


class World:
    """A manifest, a file beside it, and a running container. `restarted`: whether the unit was active before in this boot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest, self.file = folder / "pod.yaml", folder / "kubeconfig"
        self.manifest.write_text("first")
        self.file.write_text("first")
        (folder / "bin").mkdir()
        self.set_restarted(False)
        ctr = folder / "bin/ctr"
        ctr.write_text(CTR.replace("@", shlex.quote(str(folder))))
        ctr.chmod(0o755)
        self.script = folder / "static-pod"
        text = static_pod.script(replace(Binaries(), folders=replace(Binaries().folders, programs=str(folder / "bin"))))
        text = text.replace(paths.STATIC_POD_NOTES, str(folder / "notes")).replace(
            '"/proc/$1/cgroup"', f"{folder}/cgroup"
        )
        self.script.write_text(text)
        self.start(FIRST)

    def start(self, pod: str) -> None:
        """Starts a container of this pod, as the kubelet does after a change of the manifest."""
        started = subprocess.Popen(["sleep", "60"])
        (self.folder / "pid").write_text(str(started.pid))
        with (self.folder / "pids").open("a") as pids:
            pids.write(f"{started.pid}\n")
        (self.folder / "cgroup").write_text(f"0::/kubepods.slice/kubepods-burstable-pod{pod}.slice/cri.scope\n")

    def set_restarted(self, restarted: bool) -> None:
        systemctl = self.folder / "bin/systemctl"
        systemctl.write_text(f"#!/bin/sh\necho {12345 if restarted else 0}\n")
        systemctl.chmod(0o755)

    def set_clock(self, seconds: int) -> None:
        """Sets the clock that the script sees."""
        date = self.folder / "bin/date"
        date.write_text(f'#!/bin/sh\nexec /bin/date --date "@$(($(/bin/date +%s) + {seconds}))" "$@"\n')
        date.chmod(0o755)

    def run(self) -> list[str]:
        """Runs the script; returns the signals that it sent to containers."""
        done = subprocess.run(
            ["sh", str(self.script), "pod", str(self.manifest), str(self.file)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        kills = self.folder / "kills"
        return kills.read_text().split() if kills.exists() else []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for pid in (tmp_path / "pids").read_text().split():
        subprocess.run(["kill", "-9", pid], check=False, capture_output=True)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("seconds", [3600, -3600])
def test_static_pod_script_ignores_the_clock(world: World, restarted: bool, seconds: int) -> None:
    """The clock was set by an hour after the files were written: a current container keeps running."""
    world.run()
    world.set_restarted(restarted)
    world.set_clock(seconds)
    assert world.run() == []
    world.file.write_text("second")
    assert world.run() == ["SIGTERM"]


def test_static_pod_script_accepts_what_runs_at_first_start(world: World) -> None:
    assert world.run() == []


def test_static_pod_script_restarts_a_container_older_than_its_files(world: World) -> None:
    world.run()
    world.set_restarted(True)
    world.file.write_text("second")
    assert world.run() == ["SIGTERM"]
    assert world.run() == ["SIGTERM"], "the new container is current"
    world.file.write_text("third")
    assert world.run() == ["SIGTERM", "SIGTERM"]


def test_static_pod_script_restarts_once_without_a_note(world: World) -> None:
    """As after an upgrade from a version whose script wrote none."""
    world.set_restarted(True)
    assert world.run() == ["SIGTERM"]
    assert world.run() == ["SIGTERM"]


def test_static_pod_script_leaves_replacement_to_the_kubelet(world: World) -> None:
    """The kubelet replaces a pod within a second of a changed manifest, before the unit is restarted."""
    world.run()
    world.set_restarted(True)
    world.manifest.write_text("second")
    world.file.write_text("second")
    world.start(SECOND)
    assert world.run() == []
    world.file.write_text("third")
    assert world.run() == ["SIGTERM"]


def test_static_pod_script_note_is_private(world: World) -> None:
    world.run()
    note = world.folder / "notes/pod"
    assert note.stat().st_mode & 0o777 == 0o600
    assert len(note.read_text().split()) == 4
