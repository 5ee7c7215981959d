"""The engine or the provider is killed after the node has finished and before the state is saved; the program is reverted."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pulumi import automation

from provider.lost import REMOVE, WORD
from tests.provider.components import Components
from tests.provider.container import Container
from tests.provider.service import OTHER, OWNED, SLEEPER, UNIT
from tests.provider.test_interruption import engines, killed, plugins, traced, wait_for

FILE, OTHER_FILE = f"/etc/systemd/system/{UNIT}", f"/etc/systemd/system/{OTHER}"
DROP_IN = f"{FILE}.d/own.conf"
FOLDER = {"/etc/proof": {"mode": "0750", "owner": "root", "group": "root"}}
MAIN = {
    "directories": FOLDER,
    "files": {FILE: {"content": SLEEPER, **OWNED}},
    "units": {UNIT: {"enabled": True, "active": True}},
    "reactions": [{"unit": UNIT, "action": "restart", "files": [FILE]}],
}
MORE = {
    "directories": {"/etc/proof/more": {"mode": "0750", "owner": "root", "group": "root"}},
    "files": {
        OTHER_FILE: {"content": SLEEPER, **OWNED},
        "/etc/proof/more/note": {"content": "note\n", **OWNED},
        "/etc/proof-hosts": {"content": "ours\n", "block": True},
    },
    "units": {OTHER: {"enabled": True, "active": True}},
}


@pytest.fixture
def stack(tmp_path: Path, systemd: Container) -> Iterator[Components]:
    """A stack with one service, left as it was found."""
    systemd.run("echo others >/etc/proof-hosts")
    made = Components(tmp_path / "bench", systemd)
    before = systemd.left()
    made.components = {"main": MAIN}
    made.up()
    made.operations()
    yield made
    made.destroy()
    systemd.run("rm /etc/proof-hosts; rmdir /etc/proof 2>/dev/null || true")
    assert systemd.left() == before


def finished(stack: Components, systemd: Container) -> Callable[[], bool]:
    """Whether the node has finished, which the engine does not hear: it is stopped before."""
    journals = "ls -d /var/lib/plumbline/journal/*/log 2>/dev/null || true"

    def reached() -> bool:
        if not traced(stack, "finish")():
            return False
        for pid in engines(stack):
            os.kill(pid, signal.SIGSTOP)
        wait_for("the end of the journal", lambda: systemd.run(journals) == "")
        return True

    return reached


def left(systemd: Container) -> str:
    """All that is there beside the service."""
    return systemd.run(
        f"cd /etc/systemd/system; ls -d /etc/proof/* {OTHER} {UNIT}.d multi-user.target.wants/{OTHER} 2>/dev/null || true\n"
        f"cat /etc/proof-hosts; systemctl is-active {OTHER} || true; ls /var/lib/plumbline/owned /var/lib/plumbline/started\n"
    )


CLEAN = f"others\ninactive\n/var/lib/plumbline/owned:\nmain\n\n/var/lib/plumbline/started:\n{UNIT}\n"


def test_lost_update_is_undone_by_the_reverted_program(stack: Components, systemd: Container) -> None:
    files = {**MAIN["files"], **MORE["files"], DROP_IN: {"content": "[Service]\nEnvironment=OWN=1\n", **OWNED}}  # type: ignore[dict-item]
    stack.components["main"] = {
        **MAIN,
        "files": files,
        "directories": {**FOLDER, f"{FILE}.d": FOLDER["/etc/proof"], **MORE["directories"]},  # type: ignore[dict-item]
        "units": {**MAIN["units"], **MORE["units"]},  # type: ignore[dict-item]
        "reactions": [{"unit": UNIT, "action": "restart", "files": [FILE, DROP_IN]}],
    }
    killed(stack, finished(stack, systemd))
    environment = f"tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value {UNIT})/environ | grep -c OWN= || true"
    assert systemd.run(environment) == "1\n"
    stack.components["main"] = MAIN
    shown = stack.preview()
    assert f"{UNIT} will restart because {DROP_IN} changes" in shown
    assert f"{OTHER} will stop because {OTHER_FILE} is removed" in shown
    stack.up(refresh=True)
    assert left(systemd) == CLEAN
    assert systemd.run(environment) == "0\n"
    assert stack.up(refresh=True) == {"same": 2}


@pytest.mark.parametrize(
    ("program", "operation"),
    [("engine", "commit"), ("engine", "finish"), ("provider", "stage"), ("provider", "ready")],
)
def test_lost_creation_is_removed_by_the_reverted_program(
    stack: Components, systemd: Container, program: str, operation: str
) -> None:
    stack.components = {"main": MAIN, "more": MORE}
    if program == "engine":
        killed(stack, finished(stack, systemd) if operation == "finish" else traced(stack, operation))
    else:
        provider_killed(stack, operation)
    idle(systemd)
    stack.components = {"main": MAIN}
    if operation == "finish":
        before = left(systemd)
        stack.up(refresh=True)
        assert "n1: more is on the node: this stack created it" in "\n".join(stack.printed)
        assert left(systemd) == before, "it is only named"
    stack.variables[WORD] = REMOVE
    preview = stack.preview()
    shown = "n1: more will be removed because this stack created it" in preview
    assert shown or operation == "stage", "its first script may not have reached the node"
    if operation == "finish":
        for row in ("/etc/proof-hosts", "/etc/proof/more/note", OTHER_FILE, OTHER):
            assert f"::n1:{row}" in preview
    stack.up(refresh=True)
    assert left(systemd) == CLEAN
    assert stack.up(refresh=True) == {"same": 2}
    del stack.variables[WORD]


def test_lost_creation_is_taken_over_by_the_same_program(stack: Components, systemd: Container) -> None:
    stack.components = {"main": MAIN, "more": MORE}
    killed(stack, finished(stack, systemd))
    before = systemd.started(OTHER)
    stack.up(refresh=True)
    assert systemd.started(OTHER) == before
    stack.components = {"main": MAIN}
    stack.up(refresh=True)
    assert left(systemd) == CLEAN


def provider_killed(stack: Components, operation: str) -> None:
    """Runs `up` and kills the provider; the engine goes on to its end."""

    def kill() -> None:
        wait_for("the point to kill at", traced(stack, operation))
        for pid in plugins(stack):
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(automation.CommandError):
        stack.up()
    killer.join()
    assert not engines(stack)


def idle(systemd: Container) -> None:
    """Waits until no script of the killed run is at work."""
    systemd.run("for one in /run/plumbline/*.lock; do flock -w 60 $one true; done")
