"""A run that breaks off, or a path that cannot be replaced: nothing stays of it, and nothing restarts for what was only staged."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider import sshd as server
from tests.provider.components import Relay
from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import FILE, OTHER, OWNED, SLEEPER, UNIT, said, serve
from tests.provider.test_faults import when
from tests.provider.test_interruption import killed, traced

NOTES = (
    "find /var/lib/plumbline/journal /var/lib/plumbline/downloads -type f 2>/dev/null || true\n"
    "find /etc/proof -name '.*' -type f"
)
SLOW = "proof-slow.service"


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up."""
    serve(remote)
    return remote


@pytest.fixture
def relay(systemd: Container) -> Iterator[Relay]:
    """The container behind a relay."""
    made = Relay(systemd)
    yield made
    made.close()


def test_nothing_restarts_for_what_was_only_staged(served: Bench, systemd: Container) -> None:
    """Killed while staged files were checked; the program is taken back."""
    before = systemd.started(UNIT)
    wait = "touch /run/proof-checking; while [ ! -e /run/proof-go ]; do sleep 0.1; done\n"
    served.text("server.conf", "WORD=two\n")
    served.extra["verifications"] = [{"files": ["/etc/proof/server.conf"], "script": wait}]
    killed(served, lambda: "proof-checking" in systemd.run("ls /run"))
    systemd.run("touch /run/proof-go; rm /run/proof-checking")
    assert systemd.run("ls /etc/proof/.server.conf.plumbline-new") != ""
    served.text("server.conf", "WORD=one\n")
    served.extra["verifications"] = []
    assert "proof.service will" not in served.preview()
    served.up(refresh=True)
    systemd.run("rm /run/proof-go")
    assert systemd.started(UNIT) == before
    assert systemd.run(NOTES) == ""
    assert served.up(refresh=True) == {"same": 2}


def test_downloads_of_a_killed_stage_are_removed(served: Bench, systemd: Container) -> None:
    done = hashlib.sha256(b"tool\n" * 200_000).hexdigest()
    systemd.run(
        "mkdir -p /var/tmp/proof; i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); echo tool; done >/var/tmp/proof/one"
    )
    systemd.run(f"systemd-run --quiet --collect --unit {SLOW} socat TCP-LISTEN:18999,reuseaddr,fork EXEC:'sleep 600'")
    for name, url, checksum in (
        ("one", "file:///var/tmp/proof/one", done),
        ("two", "http://127.0.0.1:18999/two", "1" * 64),
    ):
        source = {"url": url, "sha256": checksum}
        served.files[f"/etc/proof/{name}"] = {"source": source, **OWNED}
    killed(served, lambda: done in systemd.run("ls /var/lib/plumbline/downloads/* 2>/dev/null || true").split())
    systemd.run(f"systemctl stop {SLOW}")  # its client gives up: the killed run's script ends
    for name in ("one", "two"):
        del served.files[f"/etc/proof/{name}"]
    served.up(refresh=True)
    assert systemd.run(f"{NOTES}; ls -A /var/lib/plumbline/downloads 2>/dev/null || true") == ""
    assert systemd.run("ls /etc/proof/one /etc/proof/two 2>/dev/null || true") == ""
    systemd.run("rm -r /var/tmp/proof")
    assert served.up(refresh=True) == {"same": 2}


def test_lost_connection_is_dialled_again_to_undo_the_change(served: Bench, systemd: Container, relay: Relay) -> None:
    """Cut while the restarted unit is waited for: what runs on the node is ended, then everything is put back."""
    served.connections = {"n1": relay.connection()}
    served.text("server.conf", "WORD=two\n")
    served.extra["readiness"] = [{"unit": UNIT, "http": "http://127.0.0.1:18999/", "timeout": 20}]
    answer = "systemd-run --quiet --collect --unit {} socat TCP-LISTEN:18999,reuseaddr,fork SYSTEM:'touch /run/proof-asked; sleep 60'"
    systemd.run(answer.format(SLOW))
    cutter = threading.Thread(target=when(lambda: "proof-asked" in systemd.run("ls /run"), relay.cut))
    cutter.start()
    failure = served.fails()
    cutter.join()
    systemd.run(f"systemctl stop {SLOW}; rm /run/proof-asked")
    assert "n1: the connection broke during `ready`" in failure
    assert "n1: the previous files were put back and proof.service restarted" in failure
    assert said(systemd) == "one"
    assert systemd.run(NOTES) == ""
    served.text("server.conf", "WORD=one\n")


def test_lost_creation_is_removed_by_destroy(remote: Bench, systemd: Container, relay: Relay) -> None:
    """The node is out of reach from the start of its units on; later it is back, and the stack is destroyed."""
    before = systemd.left()
    direct = remote.connections
    remote.connections = {"n1": relay.connection()}
    remote.text("key", "key\n", mode="0600")
    remote.files[FILE] = {"content": SLEEPER, **OWNED}
    remote.extra = {
        "units": {UNIT: {"enabled": True, "active": True}},
        "readiness": [{"unit": UNIT, "http": "http://127.0.0.1:18099/", "timeout": 20}],
    }
    cutter = threading.Thread(target=when(traced(remote, "ready"), lambda: relay.cut(refuse=True)))
    cutter.start()
    failure = remote.fails()
    cutter.join()
    assert "n1: nothing is known to be put back" in failure
    assert systemd.state(UNIT) == "active"
    relay.refusing = False
    remote.destroy()
    assert systemd.left() == before
    assert systemd.state(UNIT) == "inactive"
    assert systemd.run("ls /etc/systemd/system/multi-user.target.wants").count(UNIT) == 0
    remote.connections, remote.files, remote.extra = direct, {}, {}


def test_target_that_cannot_be_swapped_undoes_the_rest(served: Bench, systemd: Container) -> None:
    """A mount at the file's path: rename is refused. What was not touched is not said to be put back."""
    before = systemd.started(UNIT), systemd.started(OTHER)
    systemd.run(
        "cp -p /etc/proof/server.conf /run/proof-mounted; mount --bind /run/proof-mounted /etc/proof/server.conf"
    )
    served.text("reread.conf", "2\n")
    served.text("server.conf", "WORD=two\n")
    failure = served.fails()
    systemd.run("umount /etc/proof/server.conf; rm /run/proof-mounted")
    assert "n1: the new files were refused: mv: cannot" in failure
    assert "Device or resource busy" in failure
    assert f"{OTHER} restarted" not in failure
    assert "could not be put back" not in failure
    assert systemd.run("cat /etc/proof/server.conf /etc/proof/reread.conf") == "WORD=one\n1\n"
    assert (systemd.started(UNIT), systemd.started(OTHER)) == before
    assert systemd.run(NOTES) == ""
    served.up(refresh=True)
    assert said(systemd) == "two"


def test_immutable_file_undoes_the_rest(served: Bench, systemd: Container) -> None:
    flags = systemd.run("chattr +i /etc/proof/server.conf 2>&1 && echo set || true")
    if "set" not in flags:
        pytest.skip(f"this file system has no immutable files: {flags}")
    served.text("reread.conf", "2\n")
    served.text("server.conf", "WORD=two\n")
    failure = served.fails()
    systemd.run("chattr -i /etc/proof/server.conf")
    assert "Operation not permitted" in failure
    assert systemd.run("cat /etc/proof/server.conf /etc/proof/reread.conf") == "WORD=one\n1\n"
    assert systemd.run(NOTES) == ""
    served.up(refresh=True)
    assert said(systemd) == "two"


def test_unit_is_disabled_until_the_next_boot_too(remote: Bench, systemd: Container) -> None:
    file = f"/etc/systemd/system/{OTHER}"
    remote.files[file] = {"content": SLEEPER, **OWNED}
    remote.extra = {"units": {OTHER: {"enabled": False, "active": True}}}
    remote.up()
    systemd.run(f"systemctl --quiet --runtime enable {OTHER}")
    remote.up(refresh=True)
    assert systemd.run(f"systemctl is-enabled {OTHER} || true") == "disabled\n"
    assert remote.up(refresh=True) == {"same": 2}


def test_directory_that_is_a_symlink_stays_one(bench: Bench, tmp_path: Path) -> None:
    bench.up()
    real = tmp_path / "real"
    real.mkdir(mode=0o755)
    bench.file("link").symlink_to(real)
    shape = {"mode": "0750", "owner": "root", "group": "root"}
    bench.extra["directories"] = {str(bench.target): shape, str(bench.file("link")): {**shape, "mode": "0700"}}
    bench.up(refresh=True)
    assert bench.file("link").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o700
    assert bench.up(refresh=True) == {"same": 2}


def test_removed_path_that_became_a_directory_stays(bench: Bench) -> None:
    bench.text("a.conf", "1\n")
    bench.text("b.conf", "2\n")
    bench.up()
    bench.file("b.conf").unlink()
    bench.file("b.conf").mkdir()
    (bench.file("b.conf") / "theirs").write_text("theirs\n")
    del bench.files[str(bench.file("b.conf"))]
    bench.up(refresh=True)
    assert (bench.file("b.conf") / "theirs").read_text() == "theirs\n"
    assert bench.up(refresh=True) == {"same": 2}


def test_block_takes_the_place_of_a_whole_file_of_ours(bench: Bench, sshd: server.Sshd) -> None:
    """Of an earlier version, too, that kept no list of its files on the node."""
    bench.text("hosts", "10.0.0.1 former\n")
    bench.up()
    for marks in ("owned", "whole"):
        (sshd.folder / "lib/plumbline" / marks / "n1-proof").unlink()
    bench.files[str(bench.file("hosts"))] = {"content": "10.0.0.2 api\n", "block": True}
    bench.up()
    assert bench.file("hosts").read_text() == "# BEGIN plumbline\n10.0.0.2 api\n# END plumbline\n"
    assert bench.up(refresh=True) == {"same": 2}
