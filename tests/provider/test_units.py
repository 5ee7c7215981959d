"""Units under a real systemd: what restarts, why, and what is put back."""

from __future__ import annotations

import re

import pytest

from tests.provider.conftest import MARKER, Bench, Secret
from tests.provider.container import Container
from tests.provider.service import FILE, OTHER, OWNED, PROGRAM, SERVICE, UNIT, URL, said, serve


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up."""
    serve(remote)
    return remote


def test_up_creates_and_starts_and_a_second_up_changes_nothing(served: Bench, systemd: Container) -> None:
    assert said(systemd) == "one"
    assert systemd.run(f"systemctl is-enabled {UNIT} {OTHER}").split() == ["enabled", "enabled"]
    before = systemd.started(UNIT), systemd.started(OTHER)
    served.operations()
    assert served.up(refresh=True) == {"same": 2}
    operations = served.operations()
    assert {one["op"] for one in operations} == {"read"}
    assert sum(one["writes"] for one in operations) == 0
    assert (systemd.started(UNIT), systemd.started(OTHER)) == before


def test_restart_happens_as_forecast_and_no_other(served: Bench, systemd: Container) -> None:
    before = systemd.started(UNIT), systemd.started(OTHER)
    served.text("server.conf", "WORD=two\n")
    shown = served.preview(refresh=False)
    assert "n1: proof.service will restart because /etc/proof/server.conf changes" in shown
    assert "WORD=two" in shown
    assert OTHER not in shown
    assert (systemd.started(UNIT), systemd.started(OTHER)) == before
    served.operations()
    served.up()
    assert said(systemd) == "two"
    assert systemd.started(UNIT) != before[0]
    assert systemd.started(OTHER) == before[1]
    written = [path for one in served.operations() if one["op"] == "commit" for path in one["paths"]]
    assert written == ["/etc/proof/server.conf"]


def test_update_costs_few_round_trips(served: Bench) -> None:
    """One read for what the plan is made from, one before anything is done; then each step once."""
    served.operations()
    assert served.up() == {"same": 2}
    assert [one["op"] for one in served.operations()] == ["read"]
    assert served.up(refresh=True) == {"same": 2}
    assert [one["op"] for one in served.operations()] == ["read"]
    served.text("key", Secret("another\n"), mode="0600")
    served.up()
    assert [one["op"] for one in served.operations()] == ["read", "read", "stage", "commit", "finish"]
    served.text("server.conf", "WORD=two\n")
    served.up()
    restarted = ["read", "read", "stage", "commit", "restart", "ready", "finish"]
    assert [one["op"] for one in served.operations()] == restarted


def test_reload_does_not_restart_and_a_restart_replaces_it(served: Bench, systemd: Container) -> None:
    before = systemd.started(UNIT)
    served.text("reread.conf", "2\n")
    assert "n1: proof.service will reload because /etc/proof/reread.conf changes" in served.preview(refresh=False)
    served.up()
    assert systemd.run("ls /run/proof-reloaded; rm /run/proof-reloaded").strip() == "/run/proof-reloaded"
    assert systemd.started(UNIT) == before
    served.text("reread.conf", "3\n")
    served.text("server.conf", "WORD=three\n")
    shown = served.preview(refresh=False)
    assert "will restart because /etc/proof/server.conf changes" in shown
    assert "will reload" not in shown
    served.up()
    assert systemd.run("ls /run/proof-reloaded 2>&1 || true").endswith("No such file or directory\n")
    assert systemd.started(UNIT) != before


def test_unit_that_is_not_ready_is_rolled_back(served: Bench, systemd: Container) -> None:
    before = systemd.started(OTHER)
    served.text("server.conf", "WORD=broken\n")
    served.text("new.conf", "new\n")
    failure = served.fails()
    # Which state it was in at that moment is chance.
    assert re.search(r"n1: proof\.service is not ready: it is [a-z]+, restarted three times", failure), failure
    assert "bad word: broken" not in failure, "that line holds a secret"
    assert "(a line with a secret)" in failure
    assert "n1: the previous files were put back and proof.service restarted" in failure
    assert "Traceback" not in failure
    assert MARKER not in failure
    assert said(systemd) == "one"
    assert (
        systemd.run("cat /etc/proof/server.conf; ls /etc/proof") == "WORD=one\nkey\nreread.conf\nserver\nserver.conf\n"
    )
    assert systemd.run("find /var/lib/plumbline/journal -type f 2>/dev/null || true").strip() == ""
    assert systemd.started(OTHER) == before
    del served.files["/etc/proof/new.conf"]
    served.text("server.conf", "WORD=one\n")
    served.operations()
    assert served.up(refresh=True) == {"same": 2}
    assert served.writes() == 0


def test_program_in_use_is_replaced_and_rolled_back(served: Bench, systemd: Container) -> None:
    served.text("server", PROGRAM.replace("18080", "18081"), mode="0755")
    served.extra["readiness"] = [{"unit": UNIT, "http": URL, "timeout": 3}]
    failure = served.fails()
    assert "n1: proof.service is not ready: it is active, curl: (7)" in failure
    assert said(systemd) == "one"


def test_unit_file_that_systemd_refuses_is_never_loaded(served: Bench, systemd: Container) -> None:
    before = systemd.started(UNIT)
    served.files[FILE]["content"] = SERVICE.replace("Restart=always", "Restrat=always")
    failure = served.fails()
    assert "n1: the new files were refused: /etc/systemd/system/proof.service" in failure
    assert "Restrat" in failure
    assert systemd.run(f"cat {FILE}") == SERVICE
    assert systemd.started(UNIT) == before
    assert systemd.run(f"systemctl show --property NeedDaemonReload --value {UNIT}").strip() == "no"


def test_creation_that_fails_leaves_nothing(remote: Bench, systemd: Container) -> None:
    before = systemd.left()
    remote.files[FILE] = {
        "content": "[Service]\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n",
        **OWNED,
    }
    remote.extra = {"units": {UNIT: {"enabled": True, "active": True}}}
    failure = remote.fails()
    assert "n1: proof.service is not ready: it is failed" in failure
    undone = "the new files were removed again and proof.service enabled or disabled as before; proof.service stopped, as found"
    assert f"n1: {undone}" in failure
    assert systemd.left() == before
    assert systemd.run(f"systemctl show --property LoadState --value {UNIT}").strip() == "not-found"
    del remote.files[FILE]
    remote.extra = {}


def test_existing_file_is_named_and_replaced(remote: Bench, systemd: Container) -> None:
    systemd.run("mkdir -p /etc/proof; echo mine >/etc/proof/a.conf; echo same >/etc/proof/b.conf")
    remote.text("a.conf", "ours\n")
    remote.text("b.conf", "same\n")
    remote.up()
    said = "\n".join(remote.printed)
    assert "n1: /etc/proof/a.conf exists already: it is replaced" in said
    assert "b.conf exists already" not in said


def test_unit_that_is_removed_is_stopped_and_disabled(served: Bench, systemd: Container) -> None:
    before = systemd.started(UNIT)
    del served.files[f"/etc/systemd/system/{OTHER}"]
    del served.extra["units"][OTHER]
    served.extra["reactions"] = served.extra["reactions"][:2]
    assert f"n1: {OTHER} will stop because /etc/systemd/system/{OTHER} is removed" in served.preview(refresh=False)
    served.up()
    assert systemd.run(f"systemctl show --property LoadState,ActiveState {OTHER}").split() == [
        "LoadState=not-found",
        "ActiveState=inactive",
    ]
    assert systemd.run("ls /etc/systemd/system/multi-user.target.wants").count(OTHER) == 0
    assert systemd.started(UNIT) == before


def test_inactive_unit_is_not_restarted(served: Bench, systemd: Container) -> None:
    served.extra["units"][UNIT] = {"enabled": False, "active": False}
    assert "n1: proof.service will stop because it should not run" in served.preview(refresh=False)
    served.up()
    assert systemd.state(UNIT) in ("inactive", "failed")
    served.text("server.conf", "WORD=two\n")
    assert "will restart" not in served.preview(refresh=False)
    served.up()
    assert systemd.state(UNIT) in ("inactive", "failed")


def test_unit_alias_is_the_same_unit(remote: Bench) -> None:
    """Debian's sshd.service is another name of ssh.service, which is there and runs."""
    remote.text("a.conf", "one\n")
    remote.extra = {"units": {"sshd.service": {"enabled": True, "active": True}}}
    remote.up()
    remote.operations()
    assert remote.up(refresh=True) == {"same": 2}
    assert remote.writes() == 0


def test_unit_without_a_managed_file_keeps_running(remote: Bench, systemd: Container) -> None:
    remote.extra = {"units": {"systemd-resolved.service": {"enabled": True, "active": True}}}
    remote.up()
    remote.extra = {}
    remote.up()
    assert systemd.state("systemd-resolved.service") == "active"


def test_sudo_with_a_password_is_refused(remote: Bench, systemd: Container) -> None:
    systemd.run(
        "id -u plain >/dev/null 2>&1 || useradd --create-home --shell /bin/sh plain\n"
        "install -d -o plain -m 0700 ~plain/.ssh\n"
        "install -o plain -m 0600 ~core/.ssh/authorized_keys ~plain/.ssh/authorized_keys\n"
    )
    remote.text("a.conf", "one\n")
    remote.connections["n1"]["user"] = "plain"
    failure = remote.fails()
    assert "n1: cannot be worked on: plain gets no root shell" in failure
    assert "allow it sudo without a password in /etc/sudoers.d" in failure
