"""Which engine is used: the user's own if it is suitable, else the built one."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.unit.toolchain.conftest import Machine
from toolchain import found, parts

MAJOR, MINOR, _ = parts.OLDEST_ENGINE
OLDEST = f"{MAJOR}.{MINOR}.0"
NEWER = f"{MAJOR}.{MINOR + 50}.1"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.10.0", (3, 10, 0)),
        ("3.20.1-dev.5", (3, 20, 1)),
        ("go1.2", (1, 2, 0)),
        ("go version go1.2.8 linux/amd64", (1, 2, 8)),
        ("unknown", None),
        ("", None),
    ],
)
def test_version_of_finds_the_first_version(text: str, version: tuple[int, int, int] | None) -> None:
    assert found.version_of(text) == version


def test_own_engine_is_none_without_pulumi(machine: Machine) -> None:
    assert found.engine() is None
    assert found.own_engine() is None


@pytest.mark.parametrize("version", [f"v{OLDEST}", f"v{parts.ENGINE_VERSION}", f"v{NEWER}", f"v{MAJOR + 1}.0.0"])
def test_own_engine_is_a_pulumi_with_all_plugins(machine: Machine, version: str) -> None:
    path = machine.pulumi(version)
    own = found.own_engine()
    assert own is not None
    assert own.path == str(path)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (f"v{MAJOR}.{MINOR - 1}.9", f"is older than {OLDEST}"),
        (f"v{MAJOR - 1}.{MINOR + 9}.0", f"is older than {OLDEST}"),
        ("oops", "does not print its version"),
    ],
)
def test_own_engine_is_not_an_old_pulumi(machine: Machine, version: str, problem: str) -> None:
    machine.pulumi(version)
    engine = found.engine()
    assert engine is not None
    assert engine.problem == problem
    assert found.own_engine() is None


def test_own_engine_needs_a_python_language_host(machine: Machine) -> None:
    machine.pulumi(language_host=False)
    engine = found.engine()
    assert engine is not None
    assert "pulumi-language-python" in engine.problem


def test_own_engine_finds_the_language_host_beside_a_linked_pulumi(machine: Machine) -> None:
    installed = machine.home / "pulumi-installed"
    installed.mkdir()
    machine.pulumi().rename(installed / "pulumi")
    (machine.programs / "pulumi-language-python").rename(installed / "pulumi-language-python")
    (machine.programs / "pulumi").symlink_to(installed / "pulumi")
    assert found.own_engine() is not None


def test_engine_names_missing_plugins(machine: Machine) -> None:
    machine.pulumi(plugins=2)
    engine = found.engine()
    assert engine is not None
    assert [part.plugin for part in engine.missing_plugins] == ["command"]
    assert found.own_engine() is None


def test_plugin_installed_needs_the_version_completely(machine: Machine) -> None:
    folder = machine.home / ".pulumi/plugins"
    tls = next(part for part in parts.PLUGINS if part.plugin == "tls")
    (folder / f"resource-tls-v{tls.version}0").mkdir(parents=True)
    assert not found.plugin_installed(tls)
    (folder / f"resource-tls-v{tls.version}").mkdir()
    assert found.plugin_installed(tls)
    (folder / f"resource-tls-v{tls.version}.partial").touch()
    assert not found.plugin_installed(tls)


def test_engine_ignores_the_built_engine_on_path(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `eval "$(make env)"`: the built engine is first on PATH, its plugins in PULUMI_HOME."""
    built = machine.built()
    machine.pulumi().rename(built / "bin/pulumi")
    monkeypatch.setenv("PATH", f"{built}/bin:{machine.programs}")
    monkeypatch.setenv("PULUMI_HOME", str(built / "home"))
    assert found.engine() is None
    assert found.pulumi_home() == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"
    assert found.own_path() == str(machine.programs)
