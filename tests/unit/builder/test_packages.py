"""The Debian packages of the lab and the tests."""

from __future__ import annotations

import pytest

from builder import packages
from builder.errors import UserError
from tests.unit.builder.conftest import Machine


def test_packages_of_the_lab_exclude_those_of_the_tests() -> None:
    assert "busybox" not in packages.wanted(*packages.LAB)
    assert "busybox" in packages.wanted("tests")


def test_missing_lists_what_dpkg_does_not_have(machine: Machine) -> None:
    wanted = packages.wanted("builds")
    installed = "\n".join(f"{name}:amd64 installed" for name in wanted[1:-1])
    machine.program("dpkg-query", f"echo '{installed}\n{wanted[-1]} config-files'; exit 1")
    assert packages.missing("builds") == [wanted[0], wanted[-1]]


def test_missing_on_another_distribution_names_the_packages(machine: Machine) -> None:
    with pytest.raises(UserError, match="this is not Debian: install the programs of these packages: gcc, "):
        packages.missing("builds")


def test_install_of_nothing_runs_nothing(machine: Machine) -> None:
    installed = "\n".join(f"{name} installed" for name in packages.wanted("builds"))
    machine.program("dpkg-query", f"echo '{installed}'")
    packages.install("builds")


def test_install_as_a_user_prints_the_command(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.program("dpkg-query", "exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(UserError, match="run as root: apt-get install gcc "):
        packages.install("builds")
