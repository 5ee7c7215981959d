"""Opens SSH connections: a pinned host key, one login key, and no configuration or agent of the user."""

from __future__ import annotations

import asyncio
import socket

import asyncssh

from nodestate import Connection
from provider.errors import HostKeyMismatch, NodeError, Unreachable

CONNECT_SECONDS = 10
"""For TCP alone: a host that does not answer by then is down, or unreachable."""

LOGIN_SECONDS = 60
"""For handshake and login: an emulated machine that shares its cores with others takes half a minute."""

TRIES = 4
"""A node that has just rebooted refuses for a moment; one that keeps refusing is given up within seconds."""

SILENT_TRIES = 2
"""A node that does not even refuse is given up sooner: each try takes CONNECT_SECONDS."""

KEEPALIVE_SECONDS = 15


async def dial(name: str, target: Connection, dials: asyncio.Semaphore) -> asyncssh.SSHClientConnection:
    """A new connection; `name` is the node's name in messages, `dials` bounds how many are opened at once.

    Raises Unreachable; HostKeyMismatch if the host has another key; NodeError if a key of the inputs is none.
    """
    at = f"{target.host}:{target.port}"
    key, pinned = _keys(name, target)
    for failed in range(1, TRIES + 1):
        try:
            async with dials:
                return await asyncssh.connect(
                    sock=await _tcp(target.host, target.port),
                    username=target.user,
                    client_keys=[key],
                    known_hosts=([pinned], [], []),
                    # Neither the user's ssh configuration nor an agent is used.
                    config=None,
                    agent_path=None,
                    preferred_auth="publickey",
                    keepalive_interval=KEEPALIVE_SECONDS,
                    connect_timeout=LOGIN_SECONDS,
                    login_timeout=LOGIN_SECONDS,
                )
        except asyncssh.HostKeyNotVerifiable:
            raise _mismatch(name, target) from None
        except asyncssh.PermissionDenied:
            raise Unreachable(
                f"{name}: {at} refuses user {target.user} with this key (permission denied): add its public key "
                "to that user's authorized_keys"
            ) from None
        except (OSError, asyncssh.Error) as error:
            # Trying again does not help if the name is not known.
            final = isinstance(error, socket.gaierror)
            if final or failed == (SILENT_TRIES if isinstance(error, TimeoutError) else TRIES):
                if await _has_other_key(target, pinned):
                    raise _mismatch(name, target) from None
                raise Unreachable(f"{name}: {at} does not answer ({reason(error)})") from None
            await asyncio.sleep(failed)
    raise AssertionError("the last try returns or raises")


async def accepts(target: Connection, seconds: float) -> bool:
    """Whether the port accepts a TCP connection within so many seconds."""
    try:
        (await asyncio.wait_for(_tcp(target.host, target.port), seconds)).close()
    except OSError:
        return False
    return True


def reason(error: BaseException) -> str:
    """The failure of a connection in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


async def _has_other_key(target: Connection, pinned: asyncssh.SSHKey) -> bool:
    """Whether sshd has no key of the pinned key's type: it then closes the connection without a reason."""
    try:
        offered = await asyncio.wait_for(asyncssh.get_server_host_key(sock=await _tcp(target.host, target.port)), 15)
    except (OSError, asyncssh.Error):
        return False
    return offered is not None and offered.public_data != pinned.public_data


def _mismatch(name: str, target: Connection) -> HostKeyMismatch:
    return HostKeyMismatch(
        f"{name}: the host key of {target.host}:{target.port} is not the pinned one: "
        "another machine answers there, or the host was reinstalled (then set its new key)"
    )


def _keys(name: str, target: Connection) -> tuple[asyncssh.SSHKey, asyncssh.SSHKey]:
    try:
        key = asyncssh.import_private_key(target.private_key.reveal())
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        raise NodeError(
            f"{name}: connection.privateKey is not a private key in PEM or OpenSSH form without a passphrase"
        ) from None
    try:
        return key, asyncssh.import_public_key(target.host_key)
    except (asyncssh.KeyImportError, ValueError):
        raise NodeError(f"{name}: connection.hostKey is not a public key such as ssh-ed25519 AAAA...") from None


async def _tcp(host: str, port: int) -> socket.socket:
    """A connected socket to the first address that answers. Raises OSError; TimeoutError if none answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(opened, address), CONNECT_SECONDS)
            return opened
        except OSError as error:  # TimeoutError is one
            opened.close()
            failure = error
    raise failure
