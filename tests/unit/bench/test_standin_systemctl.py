"""The stand-in of systemctl on simulated hosts: states, settings and times as the provider reads them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.hosts.host import STANDINS, STATE

SERVICE = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


@dataclass
class Node:
    """A root folder with units, and the stand-in."""

    root: Path

    def unit(self, name: str, text: str = SERVICE) -> Path:
        file = self.root / "etc/systemd/system" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def systemctl(self, *words: str) -> tuple[int, str]:
        variables = {**os.environ, "STANDIN_ROOT": str(self.root), "STANDIN_STATE": str(self.root / "state")}
        done = subprocess.run(
            [str(STANDINS / "bin/systemctl"), *words], env=variables, capture_output=True, text=True, timeout=20
        )
        return done.returncode, done.stdout or done.stderr

    def property(self, name: str, unit: str = "a.service") -> str:
        return self.systemctl("show", "--property", name, "--value", unit)[1].strip()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    for name in STATE:
        (tmp_path / "state" / name).mkdir(parents=True)
    return Node(tmp_path)


def test_show_prints_properties_per_unit_in_the_order_asked_for(node: Node) -> None:
    node.unit("a.service")
    _, printed = node.systemctl("show", "--property", "Id,LoadState,ActiveState", "b.service", "a")
    assert printed == (
        "Id=b.service\nLoadState=not-found\nActiveState=inactive\n\nId=a.service\nLoadState=loaded\nActiveState=inactive\n"
    )


def test_start_and_restart_change_state_invocation_and_time(node: Node) -> None:
    node.unit("a.service")
    assert node.systemctl("start", "a.service")[0] == 0
    first = node.property("InvocationID")
    assert (
        len(first) == 32
        and node.property("ActiveState") == "active"
        and int(node.property("ExecMainStartTimestampMonotonic")) > 0
    )
    node.systemctl("start", "a.service")
    assert node.property("InvocationID") == first
    node.systemctl("restart", "a.service")
    assert node.property("InvocationID") not in ("", first)
    assert int(node.property("InactiveEnterTimestampMonotonic")) > 0


def test_stop_ends_a_unit(node: Node) -> None:
    node.unit("a.service")
    node.systemctl("start", "a.service")
    assert node.systemctl("is-active", "a.service") == (0, "active\n")
    node.systemctl("stop", "a.service")
    assert node.systemctl("is-active", "a.service") == (3, "inactive\n")


@pytest.mark.parametrize("verb", ["start", "restart"])
def test_start_refuses_an_unknown_unit(node: Node, verb: str) -> None:
    status, printed = node.systemctl(verb, "none.service")
    assert (status, printed) == (5, "Failed to start none.service: Unit none.service not found.\n")


def test_enable_links_a_unit_as_its_install_section_says(node: Node) -> None:
    node.unit("a.service")
    assert node.systemctl("is-enabled", "a.service") == (1, "disabled\n")
    node.systemctl("enable", "a.service")
    link = node.root / "etc/systemd/system/multi-user.target.wants/a.service"
    assert os.readlink(link) == "/etc/systemd/system/a.service"
    assert node.systemctl("is-enabled", "a.service") == (0, "enabled\n")
    node.systemctl("disable", "a.service")
    assert node.property("UnitFileState") == "disabled"
    node.systemctl("enable", "--runtime", "a.service")
    assert node.property("UnitFileState") == "enabled-runtime"


def test_unit_without_install_section_is_static(node: Node) -> None:
    node.unit("a.service", "[Service]\nExecStart=/bin/true\n")
    assert node.systemctl("is-enabled", "a.service") == (0, "static\n")


def test_mask_hides_a_unit_until_unmask(node: Node) -> None:
    (node.root / "etc/systemd/system").mkdir(parents=True)
    node.systemctl("mask", "a.service")
    assert node.property("LoadState") == "masked"
    assert node.systemctl("start", "a.service")[0] == 1
    node.systemctl("unmask", "a.service")
    assert node.property("LoadState") == "not-found"


def test_mask_refuses_a_unit_with_a_file(node: Node) -> None:
    node.unit("a.service")
    status, printed = node.systemctl("mask", "a.service")
    assert status == 1 and "already exists" in printed


@pytest.mark.parametrize("name", ["a.service", "a.service.d/10.conf"])
def test_changed_files_need_a_daemon_reload(node: Node, name: str) -> None:
    file = node.unit("a.service")
    assert node.property("NeedDaemonReload") == "no"
    changed = file.parent / name
    changed.parent.mkdir(exist_ok=True)
    changed.write_text("[Service]\n")
    later = file.stat().st_mtime + 10
    os.utime(changed, (later, later))
    assert node.property("NeedDaemonReload") == "yes"
    os.utime(changed, (later - 20, later - 20))
    node.systemctl("daemon-reload")
    assert node.property("NeedDaemonReload") == "no"


def test_oneshot_unit_runs_its_commands_and_fails_with_them(node: Node) -> None:
    proof = node.root / "proof"
    node.unit(
        "a.service", f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo $$((1 + 1)) >{proof}'\n"
    )
    assert node.systemctl("start", "a.service")[0] == 0
    assert proof.read_text() == "2\n"
    assert (node.property("ActiveState"), node.property("SubState")) == ("active", "exited")
    node.unit("b.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    assert node.systemctl("start", "b.service")[0] == 1
    assert node.property("ActiveState", "b.service") == "failed"
    node.systemctl("reset-failed", "b.service")
    assert node.property("ActiveState", "b.service") == "inactive"


def test_static_pod_unit_runs_no_command(node: Node) -> None:
    node.unit(
        "a.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/opt/bin/plumbline-static-pod a b\n"
    )
    assert node.systemctl("start", "a.service")[0] == 0
    assert node.property("ActiveState") == "active"


def test_unknown_options_and_commands_are_refused(node: Node) -> None:
    assert node.systemctl("show", "--unheard-of")[0] == 64
    assert node.systemctl("unheard-of")[0] == 64
