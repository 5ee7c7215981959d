"""Faults of the node in the middle of a change: the error names the node, nothing stays half done, and the next run converges."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pulumi import automation

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import said, serve
from tests.provider.test_interruption import traced, wait_for

SUDOERS = "/etc/sudoers.d"


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up."""
    serve(remote)
    return remote


@contextmanager
def mounted(systemd: Container, mount: str) -> Iterator[None]:
    """The folder of the service below another mount, with the same files."""
    systemd.run(f"mkdir /run/kept; cp -a /etc/proof/. /run/kept\n{mount}")
    try:
        yield
    finally:
        systemd.run("while mountpoint -q /etc/proof; do umount /etc/proof; done; rm -rf /run/kept")


def leftovers(systemd: Container) -> str:
    """Staged files, and notes of runs that did not finish."""
    return systemd.run(
        "cd /var/lib/plumbline; find journal staged pending backup downloads -type f 2>/dev/null || true; find /etc/proof /etc/systemd/system -name '.*' -type f"
    )


def changed(bench: Bench) -> None:
    """A change of a file that the service reacts to, and a new file."""
    bench.text("server.conf", "WORD=two\n")
    bench.text("more.conf", "m" * 100_000 + "\n")


def test_full_disk_changes_nothing(served: Bench, systemd: Container) -> None:
    small = "mount -t tmpfs -o size=40k,mode=0750 none /etc/proof; cp -a /run/kept/. /etc/proof"
    with mounted(systemd, small):
        changed(served)
        failure = served.fails()
        assert "n1: " in failure
        assert "No space left on device" in failure
        assert systemd.run("cat /etc/proof/server.conf; ls -A /etc/proof") == (
            "WORD=one\nkey\nreread.conf\nserver\nserver.conf\n"
        )
        assert said(systemd) == "one"
    served.up(refresh=True)
    assert said(systemd) == "two"
    assert leftovers(systemd) == ""


def test_read_only_file_system_changes_nothing(served: Bench, systemd: Container) -> None:
    with mounted(systemd, "mount --bind /etc/proof /etc/proof; mount -o remount,bind,ro /etc/proof"):
        changed(served)
        failure = served.fails()
        assert "n1: " in failure
        assert "Read-only file system" in failure
        assert said(systemd) == "one"
    served.up(refresh=True)
    assert said(systemd) == "two"
    assert leftovers(systemd) == ""


def test_sudo_refused_in_the_middle_is_completed_by_the_next_run(served: Bench, systemd: Container) -> None:
    """The rule of the login user is replaced as soon as files have been staged; root's own shell puts it back."""
    changed(served)
    served.operations()
    # A root process that outlives the rule gives it back.
    systemd.run(
        f"tar -C {SUDOERS} -cf /run/sudoers.tar .\n"
        f"setsid sh -c 'while [ ! -e /run/refuse ]; do sleep 0.02; done; rm -f {SUDOERS}/*; sleep 6; "
        f"tar -C {SUDOERS} -xf /run/sudoers.tar; rm /run/refuse' </dev/null >/dev/null 2>&1 &"
    )
    refuse = threading.Thread(target=when(traced(served, "stage"), lambda: systemd.run("touch /run/refuse")))
    refuse.start()
    try:
        try:
            served.up()
        except automation.CommandError as error:
            assert "n1: " in str(error)
    finally:
        refuse.join()
        wait_for("sudo", lambda: works(systemd))
    served.up(refresh=True)
    assert said(systemd) == "two"
    assert leftovers(systemd) == ""
    assert served.up(refresh=True) == {"same": 2}


def test_two_runs_at_once_do_not_mix(served: Bench, systemd: Container, tmp_path: Path) -> None:
    """Two stacks with the same component: one after the other, or one refused, or both; never files of both."""
    other = Bench(tmp_path / "other", {"n1": systemd}, Path("/etc/proof"))
    other.files, other.extra = dict(served.files), served.extra
    for bench, word in ((served, "two"), (other, "three")):
        bench.text("server.conf", f"WORD={word}\n")
        bench.text("reread.conf", f"{word}\n")
    failures: list[str] = []

    def up(bench: Bench) -> None:
        try:
            bench.up(refresh=True)
        except automation.CommandError as error:
            failures.append(str(error))

    runs = [threading.Thread(target=up, args=(bench,)) for bench in (served, other)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    if len(failures) == 2:
        # One was overtaken by the other, which then found the node changed: the next run finishes.
        served.up(refresh=True)
    word = said(systemd)
    assert word in ("two", "three")
    assert systemd.run("cat /etc/proof/server.conf /etc/proof/reread.conf") == f"WORD={word}\n{word}\n"
    assert leftovers(systemd) == ""


def when(reached: Callable[[], bool], act: Callable[[], object]) -> Callable[[], None]:
    """A function that waits for a point, and acts."""

    def run() -> None:
        wait_for("the point", reached)
        act()

    return run


def works(systemd: Container) -> bool:
    """Whether the login user may use sudo."""
    try:
        return systemd.run("echo yes").strip() == "yes"
    except AssertionError:
        return False
