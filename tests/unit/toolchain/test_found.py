"""Which engine is used: the user's own where it will do, else the built one."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tests.unit.toolchain.conftest import Machine
from toolchain import found, parts


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.256.0", (3, 256, 0)),
        ("3.250.1-dev.5", (3, 250, 1)),
        ("go1.26", (1, 26, 0)),
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("unknown", None),
        ("", None),
    ],
)
def test_version_of(text: str, version: tuple[int, int, int] | None) -> None:
    assert found.version_of(text) == version


def test_without_pulumi_there_is_no_own_engine(machine: Machine) -> None:
    assert found.engine() is None
    assert found.own_engine() is None


@pytest.mark.parametrize("version", ["v3.250.0", "v3.256.0", "v3.300.1", "v4.0.0"])
def test_a_pulumi_with_all_plugins_is_used(machine: Machine, version: str) -> None:
    path = machine.pulumi(version)
    own = found.own_engine()
    assert own is not None
    assert own.path == str(path)


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        ("v3.249.9", "is older than 3.250.0"),
        ("v2.99.0", "is older than 3.250.0"),
        ("oops", "does not tell its version"),
    ],
)
def test_a_pulumi_that_is_too_old_is_not_used(machine: Machine, version: str, lacks: str) -> None:
    machine.pulumi(version)
    engine = found.engine()
    assert engine is not None
    assert engine.lacks == lacks
    assert found.own_engine() is None


def test_a_pulumi_without_a_python_language_host_is_not_used(machine: Machine) -> None:
    machine.pulumi(language_host=False)
    engine = found.engine()
    assert engine is not None
    assert "pulumi-language-python" in engine.lacks


def test_a_language_host_beside_a_linked_pulumi_counts(machine: Machine) -> None:
    installed = machine.home / "pulumi-3.260"
    installed.mkdir()
    machine.pulumi().rename(installed / "pulumi")
    (machine.programs / "pulumi-language-python").rename(installed / "pulumi-language-python")
    (machine.programs / "pulumi").symlink_to(installed / "pulumi")
    assert found.own_engine() is not None


def test_a_pulumi_that_lacks_a_plugin_is_not_used_and_the_plugin_named(machine: Machine) -> None:
    machine.pulumi(plugins=2)
    engine = found.engine()
    assert engine is not None
    assert [part.plugin for part in engine.plugins] == ["command"]
    assert found.own_engine() is None


def test_a_plugin_of_another_version_or_half_installed_is_not_one(machine: Machine) -> None:
    folder = machine.home / ".pulumi/plugins"
    (folder / "resource-tls-v5.6.1").mkdir(parents=True)
    tls = next(part for part in parts.PLUGINS if part.plugin == "tls")
    assert not found.plugin_installed(tls)
    (folder / f"resource-tls-v{tls.version}").mkdir()
    assert found.plugin_installed(tls)
    (folder / f"resource-tls-v{tls.version}.partial").touch()
    assert not found.plugin_installed(tls)


def test_the_built_engine_is_not_the_users(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `eval "$(make env)"`: the built engine is first on PATH, its plugins in PULUMI_HOME."""
    built = machine.built()
    machine.pulumi().rename(built / "bin/pulumi")
    monkeypatch.setenv("PATH", f"{built}/bin:{machine.programs}")
    monkeypatch.setenv("PULUMI_HOME", str(built / "home"))
    assert found.engine() is None
    assert found.pulumi_home() == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"
    assert found.own_path() == str(machine.programs)
