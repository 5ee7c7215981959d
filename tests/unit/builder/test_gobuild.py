"""`go build` with a script in place of the compiler."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from builder import gobuild, log
from builder.errors import UserError
from builder.golang import Go
from tests.unit.builder.conftest import executable

WRITES = 'while [ "$1" != -o ]; do shift; done; echo built >"$2"'


def go(folder: Path, script: str) -> Go:
    return Go(str(executable(folder / "go", script)), "go1.0.0", "amd64")


def test_build_writes_an_executable(tmp_path: Path) -> None:
    compiler = go(tmp_path, f'echo "$PWD $CGO_ENABLED $GOWORK $*" >{tmp_path}/call\n{WRITES}')
    gobuild.build(
        compiler,
        tmp_path,
        "example.org/package",
        tmp_path / "out/program",
        name="program 1",
        variables={"main.version": "1"},
        tags="netgo",
        linker=["-extldflags -static"],
    )
    assert (tmp_path / "out/program").read_text() == "built\n"
    assert (tmp_path / "out/program").stat().st_mode & 0o777 == 0o755
    call = (tmp_path / "call").read_text()
    assert call.startswith(f"{tmp_path} 0 off build -v -mod=readonly -trimpath")
    assert "-tags=netgo -ldflags=-s -w -X main.version=1 -extldflags -static -o" in call
    assert call.endswith("example.org/package\n")


def test_build_of_tests_allows_c(tmp_path: Path) -> None:
    compiler = go(tmp_path, f'echo "$CGO_ENABLED $*" >{tmp_path}/call\n{WRITES}')
    gobuild.build(compiler, tmp_path, "p", tmp_path / "program", name="program 1", cgo=True, tests=True)
    assert (tmp_path / "call").read_text().startswith("1 test -c -v")


def test_build_failure_has_the_compilers_message(tmp_path: Path) -> None:
    compiler = go(tmp_path, "echo no such module >&2; exit 1")
    with pytest.raises(UserError, match=r"(?s)building program 1 failed .*no such module"):
        gobuild.build(compiler, tmp_path, "p", tmp_path / "program", name="program 1")


def test_build_logs_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "INTERVAL", 0.05)
    script = f"echo go: downloading one; echo a/package; echo b/package; sleep 0.4\n{WRITES}"
    gobuild.build(go(tmp_path, script), tmp_path, "p", tmp_path / "program", name="program 1")
    printed = capsys.readouterr().err
    assert printed.startswith("plumbline: building program 1 ...\n")
    assert re.search(r"building program 1 \.\.\. \d+ s, 1 modules downloaded, 2 packages compiled\n", printed)
    assert re.search(r"building program 1: done in \d+ s\n$", printed)
