"""The environment variables that `pulumi` needs in a project folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from toolchain import found, parts

STATE = ".lab/state"
PASSPHRASE = ".lab/passphrase"
"""Paths in the project folder, used if the user has set no others."""

PARALLEL = "64"
"""The engine's default is four per core. The steps wait for nodes, not for this machine, and the provider answers all
requests for a node that arrive together with one round trip."""

GC_PERCENT = "200"
"""Go's own default, 100, has the engine and its plugins in Go collect garbage twice as often: with 200 nodes a fourteenth of a
preview's time, for a fifth less memory."""

DEFAULTS = {"PULUMI_PARALLEL": PARALLEL, "GOGC": GC_PERCENT}
"""Set unless the user has set them."""


def environment(project: Path) -> dict[str, str]:
    """Return the variables to set for `pulumi` in `project`, by name.

    With the user's own engine: parallelism, how often Go collects garbage, a local state folder and a passphrase file,
    both below `.lab/`, each only if the user has not set it. With a built engine also PATH, PULUMI_HOME and the switches
    that disable downloads.
    Creates the passphrase file (mode 0600, random) if it is missing. A value that this function set for another project
    counts as not set, so that one shell can be used for several projects.
    """
    variables: dict[str, str] = {}
    if found.own_engine() is None:
        built = parts.home()
        variables["PATH"] = os.pathsep.join([str(built / "bin"), found.own_path()])
        variables["PULUMI_HOME"] = str(built / "home")
        variables["PULUMI_SKIP_UPDATE_CHECK"] = "true"
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    variables |= {name: value for name, value in DEFAULTS.items() if name not in os.environ}
    project = project.resolve()
    if not _set_by_user("PULUMI_BACKEND_URL", STATE) and not found.logged_in():
        (project / STATE).mkdir(parents=True, exist_ok=True)
        variables["PULUMI_BACKEND_URL"] = f"file://{project / STATE}"
    if "PULUMI_CONFIG_PASSPHRASE" not in os.environ and not _set_by_user("PULUMI_CONFIG_PASSPHRASE_FILE", PASSPHRASE):
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase(project / PASSPHRASE))
    return variables


def _set_by_user(name: str, ours: str) -> bool:
    """Return whether the user has set this variable, rather than an earlier `env`."""
    value = os.environ.get(name, "")
    return bool(value) and not value.endswith(f"/{ours}")


def _passphrase(file: Path) -> Path:
    """Create the file, completely or not at all; if two processes try at once, one creates it."""
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
