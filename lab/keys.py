"""The lab's SSH keys: one for the user and one per host, so that both are pinned before the first connection."""

from __future__ import annotations

import subprocess
from pathlib import Path

from builder.errors import UserError
from lab.context import Lab


def user_key(lab: Lab) -> Path:
    """Return the private key that logs in to every host of the lab; create it (mode 0600) if it is missing."""
    return ensure(lab.state / "ssh" / "id_ed25519", "lab")


def ensure(private: Path, comment: str) -> Path:
    """Create the ed25519 key pair `private` and `private`.pub, or the missing half. Raises UserError."""
    public = private.with_name(f"{private.name}.pub")
    if not private.exists():
        private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staged = private.with_name(f".{private.name}")
        for stale in (staged, staged.with_name(f"{staged.name}.pub")):
            stale.unlink(missing_ok=True)
        _keygen("-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(staged))
        staged.with_name(f"{staged.name}.pub").replace(public)
        staged.replace(private)
    elif not public.exists():
        public.write_text(_keygen("-y", "-f", str(private)))
    private.chmod(0o600)
    return private


def login(lab: Lab, address: str, *command: str) -> list[str]:
    """Return the `ssh` command for a host, with the lab's key and the pinned host key. Without `command` it logs in."""
    options = {
        "UserKnownHostsFile": str(known_hosts(lab)),
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "LogLevel": "ERROR",
    }
    flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "/dev/null", "-i", str(lab.state / "ssh" / "id_ed25519"), *flags, f"core@{address}", *command]


def known_hosts(lab: Lab) -> Path:
    """Return the file of pinned host keys, as `ssh` reads it."""
    return lab.state / "ssh" / "known_hosts"


def _keygen(*arguments: str) -> str:
    try:
        return subprocess.run(["ssh-keygen", *arguments], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise UserError("there is no ssh-keygen on PATH: run `python -m lab packages --install`") from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"ssh-keygen failed: {error.stderr.strip()}") from None
