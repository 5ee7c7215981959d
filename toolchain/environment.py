"""The environment in which `pulumi` works in a project folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from toolchain import found, parts

STATE = ".lab/state"
PASSPHRASE = ".lab/passphrase"
"""Below the project's folder: where an `env` puts what the user has not set."""

PARALLEL = "64"
"""The engine's own is four a core. What it asks of a node at once, the provider reads in one round trip; what it asks
later takes another, and these steps wait for nodes, not for this machine."""


def environment(project: Path) -> dict[str, str]:
    """The variables to set for `pulumi` in `project`, by name.

    With Pulumi's own engine, only what the user has not set: how much is asked at once, a local state folder and a
    passphrase file, both under `.lab/`. With a built one, also PATH, PULUMI_HOME and the switches that keep it from
    asking the network. Makes the passphrase file (mode 0600, random) where it is missing. What this function set for
    another project counts as not set: so a shell can go from one to the other.
    """
    variables: dict[str, str] = {}
    if found.own_engine() is None:
        built = parts.home()
        variables["PATH"] = os.pathsep.join([str(built / "bin"), found.own_path()])
        variables["PULUMI_HOME"] = str(built / "home")
        variables["PULUMI_SKIP_UPDATE_CHECK"] = "true"
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    if "PULUMI_PARALLEL" not in os.environ:
        variables["PULUMI_PARALLEL"] = PARALLEL
    project = project.resolve()
    if not _users("PULUMI_BACKEND_URL", STATE) and not found.logged_in():
        (project / STATE).mkdir(parents=True, exist_ok=True)
        variables["PULUMI_BACKEND_URL"] = f"file://{project / STATE}"
    if "PULUMI_CONFIG_PASSPHRASE" not in os.environ and not _users("PULUMI_CONFIG_PASSPHRASE_FILE", PASSPHRASE):
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase(project / PASSPHRASE))
    return variables


def _users(name: str, ours: str) -> bool:
    """Whether the user has set this variable, not an earlier `env`."""
    value = os.environ.get(name, "")
    return bool(value) and not value.endswith(f"/{ours}")


def _passphrase(file: Path) -> Path:
    """Makes the file, whole or not at all; of two that start at once, one makes it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        staged = file.with_name(f".{file.name}.{os.getpid()}")
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
        try:
            os.link(staged, file)
        except FileExistsError:
            pass
        finally:
            staged.unlink()
    return file
