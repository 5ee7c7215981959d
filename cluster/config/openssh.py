"""Settings of a host from an OpenSSH client configuration: `ssh -G` resolves it, `ssh-keygen -F` finds its known keys."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.config import ssh_keys
from cluster.config.machine_model import Bastion

SECONDS = 10
CA_MARK = "@cert-authority"
"""Marks the key of a CA in a file of known hosts."""

JUMPS = 8
"""Longer ways are taken for a circle."""

HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>\d+))?")


class ClientConfigError(Exception):
    """The client configuration cannot be used. The text completes "configFile: ..."."""


@dataclass(frozen=True)
class Resolved:
    """The settings of one host, named as the fields of SshHost. Empty where the configuration says nothing of use."""

    host: str
    port: int
    user: str
    private_key_file: Path
    certificate_file: Path
    host_key: str
    host_ca_key: str
    bastions: tuple[Bastion, ...] = ()


def resolve(file: Path, alias: str) -> Resolved:
    """The settings of an alias, with the bastions of its ProxyJump. Raises ClientConfigError.

    OpenSSH itself reads the file: patterns, Include and Match work as they do there.
    """
    return _resolve(file, alias, 0)


def _resolve(file: Path, alias: str, depth: int) -> Resolved:
    if depth > JUMPS:
        raise ClientConfigError(f"{file.name}: the way to {alias} has more than {JUMPS} jumps: see its ProxyJump")
    said = _settings(file, alias)
    command = said.get("proxycommand", ["none"])[0]
    if command != "none":
        raise ClientConfigError(
            f"{file.name}: {alias} has a ProxyCommand, which cannot be used: set ProxyJump, or bastions"
        )
    jump = said.get("proxyjump", ["none"])[0]
    hops = [] if jump == "none" else jump.split(",")
    bastions: tuple[Bastion, ...] = ()
    for index, hop in enumerate(hops):
        bastions += _hop(file, hop, depth + 1, first=index == 0)
    host, port = said["hostname"][0], int(said["port"][0])
    names = [said["hostkeyalias"][0]] if "hostkeyalias" in said else [host if port == 22 else f"[{host}]:{port}"]
    pinned, signer = _known(said, names[0])
    return Resolved(
        host,
        port,
        said["user"][0],
        _first(said, "identityfile"),
        _first(said, "certificatefile"),
        pinned,
        signer,
        bastions,
    )


def _hop(file: Path, hop: str, depth: int, first: bool) -> tuple[Bastion, ...]:
    """The bastions of one part of a ProxyJump. The way to the first one may have jumps, too."""
    parts = HOP.fullmatch(hop)
    if parts is None:
        raise ClientConfigError(f"{file.name}: the ProxyJump {hop} is not [user@]host[:port]")
    found = _resolve(file, parts["host"].strip("[]"), depth)
    if not (found.host_key or found.host_ca_key):
        raise ClientConfigError(
            f"{file.name}: the host key of {found.host}, a ProxyJump, is not in its known_hosts: connect to it with ssh once, "
            "and compare the key, or set bastions"
        )
    here = Bastion(
        host=found.host,
        port=int(parts["port"] or found.port),
        user=parts["user"] or found.user,
        private_key_file=found.private_key_file,
        certificate_file=found.certificate_file,
        host_key=found.host_key,
        host_ca_key=found.host_ca_key,
    )
    return (*(found.bastions if first else ()), here)


def _settings(file: Path, alias: str) -> dict[str, list[str]]:
    if not file.is_file():
        raise ClientConfigError(f"{file.name} is not a file that can be read")
    printed = _run(["ssh", "-F", str(file), "-G", "--", alias], f"{file.name}: ssh cannot resolve {alias}")
    found: dict[str, list[str]] = {}
    for line in printed.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found


def _known(said: dict[str, list[str]], name: str) -> tuple[str, str]:
    """The host's key and the key of a CA for it, from the files of known hosts; "" for one that is not there."""
    keys: list[str] = []
    signers: list[str] = []
    for file in " ".join(said.get("userknownhostsfile", []) + said.get("globalknownhostsfile", [])).split():
        path = Path(file).expanduser()
        if not path.is_file():
            continue
        for line in _run(["ssh-keygen", "-F", name, "-f", str(path)], "", missing_is_fine=True).splitlines():
            words = line.split()
            if line.startswith("#") or len(words) < 3 or words[0] == "@revoked":
                continue
            if words[0] == CA_MARK:
                signers.append(" ".join(words[2:4]))
            else:
                keys.append(" ".join(words[1:3]))
    pinned = [key for kind in ssh_keys.HOST_KEY_TYPES for key in keys if key.startswith(f"{kind} ")]
    return (pinned or [""])[0], (signers or [""])[0]


def _first(said: dict[str, list[str]], key: str) -> Path:
    """The first of these files that exists."""
    paths = [Path(one).expanduser() for one in said.get(key, []) if one != "none"]
    return next((path for path in paths if path.is_file()), Path())


def _run(command: list[str], failure: str, missing_is_fine: bool = False) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise ClientConfigError(f"{command[0]} is missing on this machine: install OpenSSH's client") from None
    except subprocess.TimeoutExpired:
        raise ClientConfigError(f"{failure}: it does not end within {SECONDS} s") from None
    if done.returncode != 0 and not missing_is_fine:
        said = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise ClientConfigError(f"{failure} ({said})")
    return done.stdout
