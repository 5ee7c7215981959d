"""`python -m toolchain install`: the user's own Pulumi is used where it will do, else a set is put together, once.

The programs themselves come from the cache, where `make tools` built them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine.project import Project
from toolchain import golang, parts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home and a cache that holds the built programs alone."""
    cache = tmp_path / "cache/toolchain"
    cache.mkdir(parents=True)
    (cache / "parts").symlink_to(parts.cache() / "toolchain/parts")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    built = str(parts.cache() / "toolchain")
    folders = [folder for folder in clean["PATH"].split(":") if not folder.startswith(built)]
    home = tmp_path / "home"
    home.mkdir()
    return {
        **clean,
        "PATH": ":".join([str(Path(golang.compiler()).parent), *folders]),
        "HOME": str(home),
        "PLUMBLINE_CACHE": str(tmp_path / "cache"),
        # Where Go keeps its own things is not to be tested here.
        **{name: goes(name) for name in ("GOMODCACHE", "GOCACHE")},
        # Nothing is to be had from outside.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }


def goes(name: str) -> str:
    return subprocess.run([golang.compiler(), "env", name], capture_output=True, text=True, check=True).stdout.strip()


def start(surroundings: dict[str, str], task: str = "install") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "toolchain", task, "--project", f"{surroundings['HOME']}/project"],
        cwd=ROOT,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(surroundings: dict[str, str], task: str = "install") -> str:
    """Runs a task that must succeed; returns what it printed."""
    started = start(surroundings, task)
    printed, _ = started.communicate(timeout=200)
    assert started.returncode == 0, printed
    return printed


def sets(surroundings: dict[str, str]) -> list[Path]:
    """What lies beside parts and lock in the cache: the sets, and whatever an install may have left."""
    folder = Path(surroundings["PLUMBLINE_CACHE"]) / "toolchain"
    return [one for one in folder.iterdir() if one.name not in ("parts", "lock")]


def own_pulumi(surroundings: dict[str, str], plugins: bool) -> Path:
    """A Pulumi that the user has installed: the same programs in another place."""
    place = Path(surroundings["HOME"]) / ".pulumi"
    place.mkdir()
    surroundings["PULUMI_HOME"] = str(place)
    shutil.copytree(parts.home() / "bin", place / "bin")
    if plugins:
        shutil.copytree(parts.home() / "home/plugins", place / "plugins")
    surroundings["PATH"] = f"{place}/bin:{surroundings['PATH']}"
    return place


def installed(place: Path) -> list[tuple[Path, int]]:
    """Every file of an installed Pulumi with its time; not the logs, which each of its commands writes."""
    return sorted(
        (file, file.stat().st_mtime_ns) for folder in ("bin", "plugins") for file in place.glob(f"{folder}/**/*")
    )


def test_the_second_install_prints_nothing_and_takes_a_moment(surroundings: dict[str, str]) -> None:
    run(surroundings)
    [made] = sets(surroundings)
    before = made.stat().st_mtime_ns
    begun = time.monotonic()
    assert run(surroundings) == ""
    assert time.monotonic() - begun < 5, "the machine may be busy; alone it takes a fifth of a second"
    assert made.stat().st_mtime_ns == before


def test_an_install_that_was_interrupted_is_made_good(surroundings: dict[str, str]) -> None:
    run(surroundings)
    [made] = sets(surroundings)
    (made / "complete").unlink()
    (made / "bin/pulumi").write_text("half a program")
    run(surroundings)
    assert sets(surroundings) == [made]
    version = subprocess.run([made / "bin/pulumi", "version"], capture_output=True, text=True, check=True).stdout
    assert version.strip() == f"v{parts.ENGINE_VERSION}"


def test_of_two_installs_at_once_one_waits(surroundings: dict[str, str]) -> None:
    both = [start(surroundings), start(surroundings)]
    printed = [one.communicate(timeout=200)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], printed
    assert sum("waiting for another build to end" in text for text in printed) == 1
    assert len(sets(surroundings)) == 1


def test_the_users_own_pulumi_is_used_untouched(surroundings: dict[str, str]) -> None:
    place = own_pulumi(surroundings, plugins=True)
    before = installed(place)
    assert run(surroundings) == ""
    assert sets(surroundings) == []
    exported = run(surroundings, "env")
    assert "export PATH=" not in exported
    assert "export PULUMI_HOME=" not in exported
    assert installed(place) == before


def test_what_the_users_own_pulumi_cannot_download_is_built(surroundings: dict[str, str]) -> None:
    place = own_pulumi(surroundings, plugins=False)
    printed = run(surroundings)
    assert f"getting plugin tls 5.6.2 for {place}/bin/pulumi" in printed
    assert "plugin tls cannot be downloaded" in printed
    [made] = sets(surroundings)
    assert f"export PATH={made}/bin:" in run(surroundings, "env")
    # The next one does not try again.
    assert run(surroundings) == ""


def test_a_failed_build_says_why_and_leaves_nothing(surroundings: dict[str, str], tmp_path: Path) -> None:
    cache = Path(surroundings["PLUMBLINE_CACHE"]) / "toolchain"
    (cache / "parts").unlink()
    go = tmp_path / "go/go"
    go.parent.mkdir()
    real = golang.compiler()
    go.write_text(f'#!/bin/sh\n[ "$1" = build ] && echo "no such module" && exit 1\nexec {real} "$@"\n')
    go.chmod(0o755)
    surroundings["PATH"] = f"{go.parent}:{surroundings['PATH']}"
    started = start(surroundings)
    printed, _ = started.communicate(timeout=100)
    assert started.returncode == 1
    assert "building pulumi failed" in printed
    assert "no such module" in printed
    assert "Traceback" not in printed
    assert sets(surroundings) == []
    assert list((cache / "parts").iterdir()) == []


def test_a_project_runs_on_the_users_own_pulumi(
    surroundings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_pulumi(surroundings, plugins=True)
    trial = Project(tmp_path / "trial", "import pulumi, pulumi_tls\npulumi_tls.PrivateKey('k', algorithm='ED25519')\n")
    trial.variables = {**surroundings, **{k: v for k, v in trial.variables.items() if k.startswith("PULUMI_CONFIG")}}
    trial.variables["PULUMI_BACKEND_URL"] = f"file://{trial.folder}/.lab/state"
    trial.run("stack", "select", "dev")
    said = trial.run("up", "--yes")
    assert "+ 2 created" in said
    assert "warning" not in said
