"""The table of `make doctor`: what is missing, and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.toolchain.conftest import Machine
from toolchain import doctor, parts

ROOT = Path(__file__).resolve().parents[3]
OLDEST = ".".join(map(str, parts.OLDEST_ENGINE))
OLDER = f"{parts.OLDEST_ENGINE[0]}.{parts.OLDEST_ENGINE[1] - 1}.9"


def run(machine: Machine) -> tuple[int, dict[str, str], str]:
    """Return exit code, lines by their first column, and the complete output."""
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


def test_doctor_on_an_empty_machine_lists_what_is_missing(machine: Machine) -> None:
    code, lines, printed = run(machine)
    assert code == 1
    assert "missing: pulumi, plugin tls, plugin libvirt, plugin command, go" in lines
    assert lines["pulumi"].endswith("`make tools`")
    assert "nothing is missing" not in printed


def test_doctor_with_a_built_set_misses_nothing(machine: Machine) -> None:
    built = machine.built()
    code, lines, printed = run(machine)
    assert code == 0, printed
    assert "nothing is missing" in lines
    assert f"{built}/bin/pulumi {parts.ENGINE_VERSION}" in lines["pulumi"]


def test_doctor_shows_why_an_engine_is_not_used(machine: Machine) -> None:
    path = machine.pulumi(f"v{OLDER}", plugins=0)
    _, lines, _ = run(machine)
    assert f"{path} {OLDER}, is older than {OLDEST}" in lines["pulumi"]


def test_doctor_shows_the_users_engine_if_it_is_used(machine: Machine) -> None:
    path = machine.pulumi()
    code, lines, printed = run(machine)
    assert code == 0, printed
    assert lines["pulumi"].split() == ["pulumi", str(path), parts.ENGINE_VERSION, str(path)]
    assert "Pulumi's own" in lines["plugin tls"]


def test_doctor_names_python_packages_of_another_version(machine: Machine) -> None:
    machine.built()
    code, _, _ = run(machine)
    assert code == 0
    (machine.project / "requirements.txt").write_text("pulumi==3.1.0 \\\n    --hash=sha256:00\nnot-there==1.0\n")
    [row] = [row for row in doctor.findings(machine.project) if row.name == "python packages"]
    assert row.found == "0 of 2"
    assert row.missing == "`make .venv/installed`: pulumi 3.1.0, not-there 1.0"


def test_pinned_reads_versions_of_a_locked_file() -> None:
    text = "# comment\npulumi-tls==1.0.2 \\\n    --hash=sha256:ab\n    # via -r requirements.in\njinja2==3.0.1 ; x\n"
    assert doctor.pinned(text) == {"pulumi-tls": "1.0.2", "jinja2": "3.0.1"}


@pytest.mark.parametrize("missing", ["", "do this"])
def test_table_summary_separates_the_lab(missing: str) -> None:
    rows = [doctor.Finding("pulumi", "x", "y"), doctor.Finding("qemu", "-", "-", missing, needed=False)]
    printed = doctor.table(rows)
    assert "nothing is missing" in printed
    assert ("missing for the lab only: qemu" in printed) == bool(missing)
