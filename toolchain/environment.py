"""The environment in which `pulumi` works in a project folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from toolchain import found, parts


def environment(project: Path) -> dict[str, str]:
    """The variables to set for `pulumi` in `project`, by name.

    With Pulumi's own engine, only what the user has not set: a local state folder and a passphrase file, both under
    `.lab/`. With a built one, also PATH, PULUMI_HOME and the switches that keep it from asking the network. Makes the
    passphrase file (mode 0600, random) where it is missing.
    """
    variables: dict[str, str] = {}
    if found.own_engine() is None:
        built = parts.home()
        paths = os.environ.get("PATH", "").split(os.pathsep)
        first = str(built / "bin")
        variables["PATH"] = os.pathsep.join([first, *[path for path in paths if path != first]])
        variables["PULUMI_HOME"] = str(built / "home")
        variables["PULUMI_SKIP_UPDATE_CHECK"] = "true"
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    local = project.resolve() / ".lab"
    state = local / "state"
    if "PULUMI_BACKEND_URL" not in os.environ and not _logged_in():
        state.mkdir(parents=True, exist_ok=True)
        variables["PULUMI_BACKEND_URL"] = f"file://{state}"
    if "PULUMI_CONFIG_PASSPHRASE" not in os.environ and "PULUMI_CONFIG_PASSPHRASE_FILE" not in os.environ:
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase(local / "passphrase"))
    return variables


def _logged_in() -> bool:
    """Whether the user's own Pulumi remembers a backend: then that one is used."""
    return found.own_engine() is not None and (found.pulumi_home() / "credentials.json").exists()


def _passphrase(file: Path) -> Path:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL: of two that start at once, one writes.
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return file
        with os.fdopen(handle, "w") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
    return file
