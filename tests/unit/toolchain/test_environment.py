"""The variables that `env` exports, and those that it leaves to the user."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import toolchain
from tests.unit.toolchain.conftest import Machine

ROOT = Path(__file__).resolve().parents[3]


def test_environment_of_a_built_engine(machine: Machine) -> None:
    built = machine.built()
    assert toolchain.environment(machine.project) == {
        "PATH": f"{built}/bin:{machine.programs}",
        "PULUMI_HOME": f"{built}/home",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_PARALLEL": "64",
        "GOGC": "200",
        "PULUMI_BACKEND_URL": f"file://{machine.project}/.lab/state",
        "PULUMI_CONFIG_PASSPHRASE_FILE": f"{machine.project}/.lab/passphrase",
    }
    assert (machine.project / ".lab/state").is_dir()


def test_environment_of_the_users_engine(machine: Machine) -> None:
    machine.pulumi()
    assert sorted(toolchain.environment(machine.project)) == [
        *("GOGC", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_PARALLEL"),
    ]


def test_environment_keeps_what_the_user_has_set(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.pulumi()
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    monkeypatch.setenv("PULUMI_PARALLEL", "4")
    monkeypatch.setenv("GOGC", "50")
    assert toolchain.environment(machine.project) == {}
    assert list(machine.project.iterdir()) == []


@pytest.mark.parametrize(("credentials", "used"), [({"current": "https://team"}, True), ({"current": ""}, False)])
def test_environment_keeps_the_backend_of_a_login(machine: Machine, credentials: dict[str, str], used: bool) -> None:
    machine.pulumi()
    (machine.home / ".pulumi/credentials.json").write_text(json.dumps(credentials))
    assert ("PULUMI_BACKEND_URL" not in toolchain.environment(machine.project)) == used


def test_environment_replaces_that_of_another_project(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.built()
    other = machine.project.with_name("other")
    for name, value in toolchain.environment(other).items():
        monkeypatch.setenv(name, value)
    found = toolchain.environment(machine.project)
    assert found["PULUMI_BACKEND_URL"] == f"file://{machine.project}/.lab/state"
    assert found["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{machine.project}/.lab/passphrase"
    assert found["PATH"].count("/bin") == 1


def test_passphrase_is_random_private_and_created_once(machine: Machine) -> None:
    file = Path(toolchain.environment(machine.project)["PULUMI_CONFIG_PASSPHRASE_FILE"])
    text = file.read_text()
    assert len(text.strip()) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    toolchain.environment(machine.project)
    assert file.read_text() == text
    assert [one.name for one in file.parent.iterdir() if one.is_file()] == ["passphrase"]
    other = machine.project.with_name("other")
    assert Path(toolchain.environment(other)["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text() != text


def test_env_quotes_for_the_shell(machine: Machine) -> None:
    """The folder's name has a space and a quote."""
    machine.built()
    project = machine.project.with_name("a b'c")
    command = f'eval "$({sys.executable} -m toolchain env --project "$1")" && printf %s "$PULUMI_BACKEND_URL"'
    printed = subprocess.run(
        ["/bin/bash", "-c", command, "bash", str(project)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == f"file://{project}/.lab/state"
    assert printed.stderr == ""
