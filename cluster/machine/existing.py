"""Existing hosts: how the provider reaches them, from their validated settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.config import ssh_keys
from cluster.config.machine_model import Login, SshHost
from cluster.config.model import Node
from nodestate import Connection, Endpoint, Secret


def connection(node: Node, host: SshHost) -> Connection:
    """The connection to a host, with the keys in the files that its settings name. It holds no passphrase."""
    return Connection(
        host=host.host or str(node.address),
        user=host.user,
        **_login(host),
        sudo_password=host.sudo_password,
        bastions=tuple(Endpoint(host=bastion.host, user=bastion.user, **_login(bastion)) for bastion in host.bastions),
    )


def _login(login: Login) -> dict[str, Any]:
    named = login.private_key_file != Path()
    passphrase = login.private_key_passphrase.reveal() if login.private_key_passphrase is not None else None
    return {
        "port": login.port,
        "private_key": Secret(ssh_keys.private_key_text(login.private_key_file, passphrase)) if named else None,
        "certificate": login.certificate_file.read_text() if login.certificate_file != Path() else None,
        "agent": login.agent,
        "agent_key": login.agent_key or None,
        "host_key": login.host_key or None,
        "host_ca_key": login.host_ca_key or None,
    }
