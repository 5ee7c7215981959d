"""The table of `make doctor`: what is missing, and what to do about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.toolchain.conftest import Machine
from toolchain import doctor, parts

ROOT = Path(__file__).resolve().parents[3]


def run(machine: Machine) -> tuple[int, dict[str, str], str]:
    """Exit code, lines by their first column, and all of it."""
    (machine.project / ".venv").symlink_to(sys.prefix)
    (machine.project / "requirements.txt").write_text((ROOT / "requirements.txt").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "toolchain", "doctor", "--project", str(machine.project)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    lines = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    return done.returncode, lines, done.stdout


def test_on_an_empty_machine_it_names_what_is_missing(machine: Machine) -> None:
    code, lines, said = run(machine)
    assert code == 1
    assert "missing: pulumi, plugin tls, plugin libvirt, plugin command, go" in lines
    assert lines["pulumi"].endswith("`make tools`")
    assert "nothing is missing" not in said


def test_with_a_built_set_nothing_is_missing(machine: Machine) -> None:
    built = machine.built()
    code, lines, said = run(machine)
    assert code == 0, said
    assert "nothing is missing" in lines
    assert f"{built}/bin/pulumi {parts.ENGINE_VERSION}" in lines["pulumi"]


def test_an_engine_that_will_not_do_is_shown_with_the_reason(machine: Machine) -> None:
    path = machine.pulumi("v3.100.0", plugins=0)
    _, lines, _ = run(machine)
    assert f"{path} 3.100.0, is older than 3.250.0" in lines["pulumi"]


def test_the_users_engine_is_what_is_used(machine: Machine) -> None:
    path = machine.pulumi()
    code, lines, said = run(machine)
    assert code == 0, said
    assert lines["pulumi"].split() == ["pulumi", str(path), "3.260.0", str(path)]
    assert "Pulumi's own" in lines["plugin tls"]


def test_a_package_of_another_version_is_named(machine: Machine) -> None:
    machine.built()
    code, _, _ = run(machine)
    assert code == 0
    (machine.project / "requirements.txt").write_text("pulumi==3.1.0 \\\n    --hash=sha256:00\nnot-there==1.0\n")
    [row] = [row for row in doctor.findings(machine.project) if row.what == "python packages"]
    assert row.found == "0 of 2"
    assert row.missing == "`make .venv/installed`: pulumi 3.1.0, not-there 1.0"


def test_pinned_versions_are_read_from_a_locked_file() -> None:
    text = "# comment\npulumi-tls==5.6.2 \\\n    --hash=sha256:ab\n    # via -r requirements.in\njinja2==3.1.6 ; x\n"
    assert doctor.pinned(text) == {"pulumi-tls": "5.6.2", "jinja2": "3.1.6"}


@pytest.mark.parametrize("missing", ["", "do this"])
def test_the_closing_line_tells_the_lab_apart(missing: str) -> None:
    rows = [doctor.Finding("pulumi", "x", "y"), doctor.Finding("qemu", "-", "-", missing, needed=False)]
    said = doctor.table(rows)
    assert "nothing is missing" in said
    assert ("missing for the lab alone: qemu" in said) == bool(missing)
