"""A change that fails, or breaks, is undone as a whole on a real node: files, directories, units, lines of others."""

from __future__ import annotations

import threading

import pytest

from tests.provider.conftest import Bench
from tests.provider.container import Container
from tests.provider.service import FILE, OTHER, SERVICE, UNIT, said, serve
from tests.provider.test_interruption import killed, traced, wait_for

OTHER_FILE = f"/etc/systemd/system/{OTHER}"


@pytest.fixture
def served(remote: Bench) -> Bench:
    """The service, up."""
    serve(remote)
    return remote


def test_rollback_restores_directories_and_departed_units(served: Bench, systemd: Container) -> None:
    served.extra["directories"] = {
        "/etc/proof": {"mode": "0700", "owner": "core", "group": "root"},
        "/etc/proof/sub": {"mode": "0700", "owner": "root", "group": "root"},
    }
    del served.files[OTHER_FILE], served.extra["units"][OTHER]
    served.extra["reactions"] = served.extra["reactions"][:2]
    served.text("server.conf", "WORD=broken\n")
    failure = served.fails()
    assert "n1: the previous files were put back" in failure
    assert systemd.run("stat -c '%a %U' /etc/proof; ls -d /etc/proof/sub 2>/dev/null || true") == "750 root\n"
    assert systemd.run(f"systemctl is-enabled {OTHER}; systemctl is-active {OTHER}") == "enabled\nactive\n"
    assert said(systemd) == "one"


def test_rollback_restores_a_disabled_unit(served: Bench, systemd: Container) -> None:
    served.extra["units"][OTHER] = {"enabled": False, "active": True}
    served.text("server.conf", "WORD=broken\n")
    served.fails()
    assert systemd.run(f"systemctl is-enabled {OTHER}") == "enabled\n"


def test_rollback_keeps_lines_that_others_wrote_meanwhile(served: Bench, systemd: Container) -> None:
    systemd.run("echo others-1 >/etc/proof/hosts")
    served.files["/etc/proof/hosts"] = {"content": "ours-1\n", "block": True}
    served.up()
    served.files["/etc/proof/hosts"] = {"content": "ours-2\n", "block": True}
    served.text("server.conf", "WORD=broken\n")
    served.operations()

    def write() -> None:
        wait_for("readiness", traced(served, "ready"))
        systemd.run("echo others-2 >>/etc/proof/hosts")

    writer = threading.Thread(target=write)
    writer.start()
    served.fails()
    writer.join()
    text = systemd.run("cat /etc/proof/hosts")
    assert text == "others-1\n# BEGIN plumbline\nours-1\n# END plumbline\nothers-2\n"
    systemd.run("rm /etc/proof/hosts")
    del served.files["/etc/proof/hosts"]


def test_failed_reload_restarts_nothing(served: Bench, systemd: Container) -> None:
    served.files[FILE]["content"] = SERVICE.replace(
        "ExecReload=/bin/touch /run/proof-reloaded", "ExecReload=/bin/sh -c 'grep -q 1 /etc/proof/reread.conf'"
    )
    served.up()
    before = systemd.started(UNIT)
    served.text("reread.conf", "2\n")
    failure = served.fails()
    assert "n1: the previous files were put back and proof.service reloaded" in failure
    assert systemd.started(UNIT) == before


def test_failed_pre_start_restarts_nothing(served: Bench, systemd: Container) -> None:
    before = systemd.started(UNIT)
    served.extra["preStart"] = [{"unit": UNIT, "script": "exit 1\n"}]
    served.text("server.conf", "WORD=two\n")
    served.fails()
    assert systemd.started(UNIT) == before
    assert systemd.run("cat /etc/proof/server.conf") == "WORD=one\n"


def test_health_check_that_fails_after_the_change_undoes_it(served: Bench, systemd: Container) -> None:
    served.extra["rollout"] = {
        "group": "proof",
        "healthCheck": "grep -q one /etc/proof/server.conf || { echo GROUP BROKEN >&2; exit 1; }",
    }
    served.up()
    served.text("server.conf", "WORD=two\n")
    failure = served.fails()
    assert "GROUP BROKEN" in failure
    assert "n1: the previous files were put back and proof.service restarted" in failure
    assert said(systemd) == "one"


def test_addition_of_a_killed_run_is_removed_once_it_is_reverted(served: Bench, systemd: Container) -> None:
    before = served.files | {}, {**served.extra["units"]}
    served.text("added.conf", "added\n")
    served.files["/etc/systemd/system/extra.service"] = {**served.files[OTHER_FILE]}
    served.extra["units"] = {**served.extra["units"], "extra.service": {"enabled": True, "active": True}}
    served.operations()
    killed(served, traced(served, "restart"))
    served.files, served.extra["units"] = before
    served.up(refresh=True)
    assert systemd.run(
        "ls /etc/proof/added.conf /etc/systemd/system/extra.service 2>/dev/null || true\n"
        "systemctl is-active extra.service || true\nls /etc/systemd/system/multi-user.target.wants | grep extra || true\n"
        "find /var/lib/plumbline/journal -type f 2>/dev/null || true"
    ).split() == ["inactive"]
    assert served.up(refresh=True) == {"same": 2}


def test_path_that_moves_to_another_component_stays(remote: Bench, systemd: Container) -> None:
    """The former owner's removal is skipped, and said."""
    systemd.run(
        "mkdir -p /var/lib/plumbline/owned\nprintf '%s\\n' /etc/proof/moved.conf >/var/lib/plumbline/owned/other\n"
    )
    remote.text("moved.conf", "1\n")
    remote.up()
    assert systemd.run("cat /var/lib/plumbline/owned/other") == "", "it was claimed"
    systemd.run(
        "sed -i /moved.conf/d /var/lib/plumbline/owned/n1-proof\n"
        "printf '%s\\n' /etc/proof/moved.conf >/var/lib/plumbline/owned/other\n"
    )
    remote.destroy()
    assert systemd.run("cat /etc/proof/moved.conf") == "1\n"
    assert "/etc/proof/moved.conf is left alone: other has it now" in "\n".join(remote.printed)
    systemd.run("rm -r /etc/proof /var/lib/plumbline/owned")
