"""Reads how existing hosts are reached: the shared settings, each node's own, their bastions, and the files that they name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from cluster.config import openssh, ssh_keys
from cluster.config.declare import keys
from cluster.config.kinds import read, read_section
from cluster.config.machine_model import Bastion, Login, Ssh, SshHost
from cluster.config.reader import Reader, Scope

SSH = "machines.ssh"
NAMES = {one.field: one.name for one in keys(SshHost)}
"""The keys of a host's settings by their field."""

LOGIN = ("private_key_file", "private_key_passphrase", "certificate_file", "agent", "agent_key")
"""Settings that a bastion takes over from the host behind it, unless it has its own login."""

Settings = TypeVar("Settings", bound=Login)


def read_shared(machines: Reader) -> Ssh:
    """The settings in `machines.ssh`, with full paths. Notes an error for each file that cannot be used."""
    settings = read_section(machines, "ssh", Ssh)
    reader = Reader(machines.mapping("ssh"), machines.scope, SSH)
    return _with_files(settings, reader, {*machines.mapping("ssh")})


def read_host(node: Reader, name: str, shared: Ssh, given: Collection[str]) -> SshHost:
    """One node's settings, merged over the shared ones, of which the keys `given` are set; resolved as far as they can be
    before the host is contacted."""
    reader = node.object("ssh")
    inherited = {one.name: getattr(shared, one.name) for one in fields(Ssh)}
    host = read(reader, SshHost, SshHost(**inherited))
    reader.finish()
    own = {*node.mapping("ssh")}
    host = _with_files(host, reader, own)
    if host.config_file != Path() and node.scope.reads_files:
        host = _with_client_config(host, name, reader, {*given, *own})
    if host.private_key_file == Path() and not host.agent and not node.scope.failed(f"{SSH}.privateKeyFile"):
        reader.error(
            "privateKeyFile",
            f"is missing: the file of the private key to log in with (or {SSH}.privateKeyFile), or agent: true",
        )
    host = _with_host_key(host, reader, own)
    return replace(host, bastions=tuple(_with_login(bastion, host) for bastion in host.bastions))


def _with_files(settings: Settings, reader: Reader, own: Collection[str]) -> Settings:
    """The settings with full paths. The files that this object names itself (`own` keys) are checked."""
    scope = reader.scope
    key_file, certificate = (_full(scope, one) for one in (settings.private_key_file, settings.certificate_file))
    changed: dict[str, Any] = {"private_key_file": key_file, "certificate_file": certificate}
    secret = settings.private_key_passphrase
    passphrase = secret.reveal() if secret is not None and secret.known else None
    if scope.reads_files and key_file != Path() and {"privateKeyFile", "privateKeyPassphrase"} & {*own}:
        at = "privateKeyPassphrase" if "privateKeyPassphrase" in own and passphrase else "privateKeyFile"
        if not reader.failed("privateKeyPassphrase") and (wrong := ssh_keys.private_key(key_file, passphrase)):
            reader.error(at if "is not opened" in wrong else "privateKeyFile", wrong)
    if "certificateFile" in own and certificate != Path():
        if key_file == Path():
            reader.error(
                "certificateFile", "needs privateKeyFile: an agent offers the certificates that it holds by itself"
            )
        elif scope.reads_files and (wrong := ssh_keys.user_certificate(certificate, key_file, passphrase)):
            reader.error("certificateFile", wrong)
    if isinstance(settings, Ssh):
        changed["config_file"] = _full(scope, settings.config_file)
        if "bastions" in own:
            changed["bastions"] = _bastions(settings.bastions, reader)
    return replace(settings, **changed)


def _bastions(bastions: tuple[Bastion, ...], reader: Reader) -> tuple[Bastion, ...]:
    values = reader.plain("bastions")
    given = [
        (index, one) for index, one in enumerate(values if isinstance(values, list) else ()) if isinstance(one, dict)
    ]
    found = []
    for bastion, (index, own) in zip(bastions, given, strict=True):
        below = Reader(own, reader.scope, reader.at(f"bastions[{index}]"))
        found.append(_with_files(bastion, below, {*own}))
        if not (bastion.host_key or bastion.host_ca_key or below.failed("hostKey") or below.failed("hostCaKey")):
            below.error(
                "hostKey",
                "is missing: the bastion's public key, as in its /etc/ssh/ssh_host_ed25519_key.pub; or hostCaKey",
            )
    return tuple(found)


def _with_login(bastion: Bastion, host: SshHost) -> Bastion:
    """The bastion with the host's user and login where it has none, and its plain host key."""
    login = {} if bastion.private_key_file != Path() or bastion.agent else {one: getattr(host, one) for one in LOGIN}
    pinned = ssh_keys.plain_host_key(bastion.host_key) if bastion.host_key else ""
    return replace(bastion, user=bastion.user or host.user, host_key=pinned, **login)


def _with_client_config(host: SshHost, name: str, reader: Reader, set_here: Collection[str]) -> SshHost:
    """The settings with what the client configuration says of those that are not set here."""
    alias = host.host or name
    try:
        found = openssh.resolve(host.config_file, alias)
    except openssh.ClientConfigError as error:
        reader.error("configFile", str(error))
        return host
    if host.agent:
        # The key files that it names may be encrypted: the agent has opened them.
        bastions = tuple(replace(one, private_key_file=Path(), certificate_file=Path()) for one in found.bastions)
        found = replace(found, private_key_file=Path(), certificate_file=Path(), bastions=bastions)
    if found.host == alias and not host.host:
        found = replace(found, host="")  # it says nothing of the node: its address is used
    changed = {
        field: getattr(found, field)
        for field in (one.name for one in fields(found))
        if NAMES[field] not in set_here and getattr(found, field) not in (None, "", Path(), ())
    }
    if {"hostKey", "hostKeyFile", "hostCaKey"} & {*set_here}:
        changed.pop("host_key", None), changed.pop("host_ca_key", None)
    host = replace(host, **{**changed, "host": found.host})
    own = {NAMES[field] for field in changed} & {"privateKeyFile", "certificateFile"}
    return _with_files(host, reader, own)


def _with_host_key(host: SshHost, reader: Reader, own: Collection[str]) -> SshHost:
    scope = reader.scope
    if "hostKeyFile" in own:
        return replace(host, host_key=_host_key_from(host.host_key_file, reader))
    if host.host_key:
        # A node's own CA takes the place of a shared pin.
        pinned = "" if "hostCaKey" in own and "hostKey" not in own else ssh_keys.plain_host_key(host.host_key)
        return replace(host, host_key=pinned)
    failed = any(reader.failed(one) or scope.failed(f"{SSH}.{one}") for one in ("hostKey", "hostCaKey", "configFile"))
    if not host.host_ca_key and not failed and not (host.config_file != Path() and not scope.reads_files):
        reader.error("hostKey", "is missing: the host's public key, as in its /etc/ssh/ssh_host_ed25519_key.pub")
    return host


def _host_key_from(name: str, reader: Reader) -> str:
    if reader.has("hostKey"):
        reader.error("hostKeyFile", "is set together with hostKey: set one of them")
        return ""
    if not reader.scope.reads_files:
        return ""
    try:
        text = (reader.scope.root / name).read_text()
    except OSError as error:
        problem = (error.strerror or "error").lower()
        reader.error("hostKeyFile", f"{name} cannot be read ({problem}); for the lab's hosts `make up` writes it")
        return ""
    except UnicodeDecodeError:
        reader.error("hostKeyFile", f"{name} cannot be read (not text); for the lab's hosts `make up` writes it")
        return ""
    if (wrong := ssh_keys.host_key(text)) is not None:
        reader.error("hostKeyFile", f"{name} {wrong}")
        return ""
    return ssh_keys.plain_host_key(text)


def _full(scope: Scope, file: Path) -> Path:
    return file if file == Path() else scope.root / file
