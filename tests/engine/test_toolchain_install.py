"""`python -m toolchain install`: it uses the user's own Pulumi if it is suitable, else assembles a set, once.

The programs come from the cache, where `make tools` built them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder import golang
from tests.engine.project import Project
from toolchain import parts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home, and a cache that contains only the built programs."""
    cache = tmp_path / "cache/toolchain"
    cache.mkdir(parents=True)
    (cache / "parts").symlink_to(parts.folder() / "parts")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    built = str(parts.folder())
    folders = [folder for folder in clean["PATH"].split(":") if not folder.startswith(built)]
    home = tmp_path / "home"
    home.mkdir()
    return {
        **clean,
        "PATH": ":".join([str(Path(golang.find().path).parent), *folders]),
        "HOME": str(home),
        "PLUMBLINE_CACHE": str(tmp_path / "cache"),
        # Go's own caches are not part of these tests.
        **{name: go_setting(name) for name in ("GOMODCACHE", "GOCACHE")},
        # Downloads must fail.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }


def go_setting(name: str) -> str:
    return subprocess.run([golang.find().path, "env", name], capture_output=True, text=True, check=True).stdout.strip()


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
    """Run a task that must succeed, and return its output."""
    started = start(surroundings, task)
    printed, _ = started.communicate(timeout=200)
    assert started.returncode == 0, printed
    return printed


def sets(surroundings: dict[str, str]) -> list[Path]:
    """Return the sets in the cache, and any files that an install left."""
    folder = Path(surroundings["PLUMBLINE_CACHE"]) / "toolchain"
    return [one for one in folder.iterdir() if one.name not in ("parts", "lock")]


def own_pulumi(surroundings: dict[str, str], plugins: bool) -> Path:
    """Install the same programs in another folder, as a user's own Pulumi."""
    folder = Path(surroundings["HOME"]) / ".pulumi"
    folder.mkdir()
    surroundings["PULUMI_HOME"] = str(folder)
    shutil.copytree(parts.home() / "bin", folder / "bin")
    if plugins:
        shutil.copytree(parts.home() / "home/plugins", folder / "plugins")
    surroundings["PATH"] = f"{folder}/bin:{surroundings['PATH']}"
    return folder


def installed(pulumi: Path) -> list[tuple[Path, int]]:
    """Return each file of an installed Pulumi with its modification time, except the logs of its commands."""
    return sorted(
        (file, file.stat().st_mtime_ns) for folder in ("bin", "plugins") for file in pulumi.glob(f"{folder}/**/*")
    )


def test_second_install_prints_nothing_and_is_fast(surroundings: dict[str, str]) -> None:
    run(surroundings)
    [made] = sets(surroundings)
    before = made.stat().st_mtime_ns
    begun = time.monotonic()
    assert run(surroundings) == ""
    assert time.monotonic() - begun < 5, "it takes a fifth of a second on an idle machine"
    assert made.stat().st_mtime_ns == before


def test_interrupted_install_is_repaired(surroundings: dict[str, str]) -> None:
    run(surroundings)
    [made] = sets(surroundings)
    (made / "complete").unlink()
    (made / "bin/pulumi").write_text("half a program")
    run(surroundings)
    assert sets(surroundings) == [made]
    version = subprocess.run([made / "bin/pulumi", "version"], capture_output=True, text=True, check=True).stdout
    assert version.strip() == f"v{parts.ENGINE_VERSION}"


def test_concurrent_install_waits(surroundings: dict[str, str]) -> None:
    both = [start(surroundings), start(surroundings)]
    printed = [one.communicate(timeout=200)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], printed
    assert sum("waiting for another process that holds" in text for text in printed) == 1
    assert len(sets(surroundings)) == 1


def test_users_pulumi_is_used_and_not_changed(surroundings: dict[str, str]) -> None:
    pulumi = own_pulumi(surroundings, plugins=True)
    before = installed(pulumi)
    assert run(surroundings) == ""
    assert sets(surroundings) == []
    exported = run(surroundings, "env")
    assert "export PATH=" not in exported
    assert "export PULUMI_HOME=" not in exported
    assert installed(pulumi) == before


def test_set_is_built_if_a_plugin_download_fails(surroundings: dict[str, str]) -> None:
    pulumi = own_pulumi(surroundings, plugins=False)
    printed = run(surroundings)
    [tls] = [part for part in parts.PLUGINS if part.plugin == "tls"]
    assert f"installing plugin tls {tls.version} for {pulumi}/bin/pulumi" in printed
    assert "plugin tls cannot be downloaded" in printed
    [made] = sets(surroundings)
    assert f"export PATH={made}/bin:" in run(surroundings, "env")
    # The next install does not try the download again.
    assert run(surroundings) == ""


def test_failed_build_shows_the_cause_and_leaves_nothing(surroundings: dict[str, str], tmp_path: Path) -> None:
    cache = Path(surroundings["PLUMBLINE_CACHE"]) / "toolchain"
    (cache / "parts").unlink()
    go = tmp_path / "go/go"
    go.parent.mkdir()
    real = golang.find().path
    go.write_text(f'#!/bin/sh\n[ "$1" = build ] && echo "no such module" && exit 1\nexec {real} "$@"\n')
    go.chmod(0o755)
    surroundings["PATH"] = f"{go.parent}:{surroundings['PATH']}"
    started = start(surroundings)
    printed, _ = started.communicate(timeout=100)
    assert started.returncode == 1
    assert f"building pulumi v{parts.ENGINE_VERSION} failed" in printed
    assert "no such module" in printed
    assert "Traceback" not in printed
    assert sets(surroundings) == []
    assert [file.name for file in (cache / "parts").iterdir()] == [".lock"]


def test_project_runs_with_the_users_pulumi(
    surroundings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_pulumi(surroundings, plugins=True)
    trial = Project(tmp_path / "trial", "import pulumi, pulumi_tls\npulumi_tls.PrivateKey('k', algorithm='ED25519')\n")
    trial.variables = {**surroundings, **{k: v for k, v in trial.variables.items() if k.startswith("PULUMI_CONFIG")}}
    trial.variables["PULUMI_BACKEND_URL"] = f"file://{trial.folder}/.lab/state"
    trial.run("stack", "select", "dev")
    printed = trial.run("up", "--yes")
    assert "+ 2 created" in printed
    assert "warning" not in printed
