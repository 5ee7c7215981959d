"""The build cache: complete entries only, each built once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from builder import cache
from builder.errors import UserError
from tests.unit.builder.conftest import Machine

ROOT = Path(__file__).resolve().parents[3]


def test_root_follows_the_users_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("PLUMBLINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.root() == Path("/home/someone/.cache/plumbline")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/someone")
    assert cache.root() == Path("/var/cache/someone/plumbline")
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path))
    assert cache.root() == tmp_path


def test_cached_makes_an_entry_once(machine: Machine) -> None:
    runs: list[Path] = []

    def make(into: Path) -> None:
        runs.append(into)
        (into / "file").write_text("content")

    first = cache.cached("kind/name", make)
    assert cache.cached("kind/name", make) == first == machine.cache / "kind/name"
    assert len(runs) == 1
    assert (first / "file").read_text() == "content"


def test_cached_file_is_written_by_make(machine: Machine) -> None:
    entry = cache.cached("kind/file", lambda path: path.touch(), folder=False)
    assert entry.is_file()


@pytest.mark.parametrize("folder", [True, False])
def test_cached_keeps_nothing_of_a_failed_make(machine: Machine, folder: bool) -> None:
    def fail(into: Path) -> None:
        (into / "half" if folder else into).touch()
        raise UserError("no")

    with pytest.raises(UserError):
        cache.cached("kind/name", fail, folder=folder)
    assert [file.name for file in (machine.cache / "kind").iterdir()] == [".lock"]
    made = cache.cached("kind/name", lambda into: (into / "all").touch())
    assert [file.name for file in made.iterdir()] == ["all"]


def test_cached_discards_what_a_killed_make_left(machine: Machine) -> None:
    (machine.cache / "kind/.partial-name").mkdir(parents=True)
    (machine.cache / "kind/.partial-name/half").touch()
    made = cache.cached("kind/name", lambda into: (into / "all").touch())
    assert [file.name for file in made.iterdir()] == ["all"]


def test_digest_separates_its_inputs() -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")


def test_locked_waits_for_the_other_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import sys, pathlib\nfrom builder.cache import locked\nfolder = pathlib.Path(sys.argv[1])\n"
        "with locked(folder / 'lock'):\n    print(flush=True)\n    sys.stdin.read()\n    (folder / 'finished').touch()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdout.readline()
        threading.Timer(0.3, holder.stdin.close).start()
        with cache.locked(tmp_path / "lock"):
            assert (tmp_path / "finished").exists()
    assert "waiting for another process that holds" in capsys.readouterr().err
