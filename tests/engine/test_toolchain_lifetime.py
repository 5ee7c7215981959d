"""Every plugin and language host of the toolchain ends with its engine, however the engine ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.project import Project, until

Make = Callable[..., Project]
PROGRAM = """
    import pulumi_command as command
    import pulumi_libvirt as libvirt
    import pulumi_tls as tls

    tls.PrivateKey("key", algorithm="ED25519")
    libvirt.Provider("hypervisor", uri="test:///default")
    command.local.Command("long", create="touch started; exec sleep 600")
"""
PROGRAMS = (
    "pulumi-resource-command",
    "pulumi-resource-libvirt",
    "pulumi-resource-tls",
    "pulumi-language-python",
    "sleep",
)


def processes(folder: Path) -> dict[int, str]:
    """The programs by pid that the project's engine started: they have its state's folder in their environment."""
    found = {}
    mark = f"PULUMI_BACKEND_URL=file://{folder}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found[int(entry.name)] = Path(os.readlink(entry / "exe")).name
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_plugins_end_with_the_engine(project: Make, how: signal.Signals) -> None:
    trial = project(PROGRAM)
    running = trial.start_up()
    try:
        assert until((trial.folder / "started").exists, 60)
        names = processes(trial.folder).values()
        assert all(any(name.startswith(one[:15]) for name in names) for one in PROGRAMS), names
        running.send_signal(how)
        running.wait(60)
        assert until(lambda: not processes(trial.folder), 30), processes(trial.folder)
    finally:
        running.kill()
        running.wait()
