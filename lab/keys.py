"""The lab's SSH keys: one for its user, one for each host, so that both sides can be pinned before a first connection."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.context import Lab, LabError


def user_key(lab: Lab) -> Path:
    """The private key that logs into every host of the lab; made, mode 0600, where it is missing."""
    return ensure(lab.state / "ssh" / "id_ed25519", "lab")


def ensure(private: Path, comment: str) -> Path:
    """An ed25519 key pair at `private` and `private`.pub; makes what is missing. Raises LabError."""
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
    """The `ssh` command that runs `command` on a host (or logs in), with the lab's key and the host's pinned key."""
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
    """The hosts' pinned keys, as `ssh` reads them."""
    return lab.state / "ssh" / "known_hosts"


def _keygen(*arguments: str) -> str:
    try:
        return subprocess.run(["ssh-keygen", *arguments], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise LabError("there is no ssh-keygen here: run `python -m lab packages --install`") from None
    except subprocess.CalledProcessError as error:
        raise LabError(f"ssh-keygen failed: {error.stderr.strip()}") from None
