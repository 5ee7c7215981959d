"""Opens SSH connections, through bastions if there are any: pinned host keys, the login that the inputs name, and no
configuration of the user. An agent is used only on request."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncssh

from nodestate import Connection, Endpoint
from provider.errors import HostKeyMismatch, NodeError, Refused, Unreachable

CONNECT_SECONDS = 10
"""For TCP alone: a host that does not answer by then is down, or unreachable."""

LOGIN_SECONDS = 60
"""For handshake and login: an emulated machine that shares its cores with others takes half a minute."""

TRIES = 4
"""A node that has just rebooted refuses for a moment; one that keeps refusing is given up within seconds."""

SILENT_TRIES = 2
"""A node that does not even refuse is given up sooner: each try takes CONNECT_SECONDS."""

KEEPALIVE_SECONDS = 15

AGENT = "SSH_AUTH_SOCK"
"""The variable that names the agent's socket."""

Key = TypeVar("Key")
Through = asyncssh.SSHClientConnection | None
"""The connection to the last bastion on the way; None for a host that is reached directly."""


class Dialer:
    """Opens the connections of this process; bounds how many are opened at once. All nodes behind a bastion share the
    connection to it: its sshd may drop new ones while others log in (MaxStartups)."""

    def __init__(self, concurrent: int) -> None:
        self._dials = asyncio.Semaphore(concurrent)
        self._bastions: dict[tuple[Endpoint, ...], asyncssh.SSHClientConnection] = {}
        self._turns: defaultdict[tuple[Endpoint, ...], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def dial(self, name: str, target: Connection) -> asyncssh.SSHClientConnection:
        """A new connection; `name` is the node's name in messages.

        Raises Unreachable; HostKeyMismatch if the host, or a bastion, has another key; NodeError if a key of the inputs
        is none.
        """
        return await self._open(name, target, target.bastions)

    async def accepts(self, name: str, target: Connection, seconds: float) -> bool:
        """Whether the port accepts a TCP connection within so many seconds. Nothing is tried twice on the node itself."""
        try:
            return await _accepts(await self._through(name, target.bastions), target, seconds)
        except (OSError, NodeError, asyncssh.Error):
            return False

    async def close(self) -> None:
        """Ends the connections to bastions, the last on each way first."""
        for way in sorted(self._bastions, key=len, reverse=True):
            self._bastions[way].close()
            await self._bastions[way].wait_closed()
        self._bastions.clear()

    async def _through(self, name: str, bastions: tuple[Endpoint, ...]) -> Through:
        if not bastions:
            return None
        async with self._turns[bastions]:
            found = self._bastions.get(bastions)
            if found is None or found.is_closed():
                found = self._bastions[bastions] = await self._open(name, bastions[-1], bastions[:-1])
            return found

    async def _open(self, name: str, to: Endpoint, bastions: tuple[Endpoint, ...]) -> asyncssh.SSHClientConnection:
        at = _place(to)
        options = _options(name, at, to)
        for failed in range(1, TRIES + 1):
            through = await self._through(name, bastions)
            try:
                async with self._dials, _agent(name, at, to) as keys:
                    login = {**options, "client_keys": [*options["client_keys"], *keys] or None}
                    return await _connected(to, through, login)
            except asyncssh.HostKeyNotVerifiable:
                raise _mismatch(name, to) from None
            except asyncssh.PermissionDenied:
                raise Refused(f"{name}: {at} refuses user {to.user} {_refused(to)}") from None
            except (OSError, asyncssh.Error) as error:
                if _forbidden(error):
                    raise Refused(
                        f"{name}: {_place(bastions[-1])} forwards no connection to {at}: {FORWARDING}"
                    ) from None
                # Trying again does not help if the name is not known.
                final = isinstance(error, socket.gaierror)
                if final or failed == (SILENT_TRIES if isinstance(error, TimeoutError) else TRIES):
                    if await _has_other_key(to, through, options):
                        raise _mismatch(name, to) from None
                    raise Unreachable(f"{name}: {at} does not answer{_from(bastions)} ({reason(error)})") from None
                await asyncio.sleep(failed)
        raise AssertionError("the last try returns or raises")


FORWARDING = "allow it in its sshd (AllowTcpForwarding, PermitOpen)"


def reason(error: BaseException) -> str:
    """The failure of a connection in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


class _Tunnel:
    """A bastion as asyncssh asks it for connections: one that does not answer it in time is given up."""

    def __init__(self, bastion: asyncssh.SSHClientConnection) -> None:
        self._bastion = bastion

    async def create_connection(self, factory: Any, host: str, port: int) -> Any:
        return await asyncio.wait_for(self._bastion.create_connection(factory, host, port), CONNECT_SECONDS)


async def _connected(to: Endpoint, through: Through, options: dict[str, Any]) -> asyncssh.SSHClientConnection:
    if through is None:
        return await asyncssh.connect(to.host, to.port, sock=await _tcp(to.host, to.port), **options)
    return await asyncssh.connect(to.host, to.port, tunnel=_Tunnel(through), **options)


async def _accepts(through: Through, to: Endpoint, seconds: float) -> bool:
    if through is None:
        (await _tcp(to.host, to.port, seconds)).close()
    else:
        _, writer = await asyncio.wait_for(through.open_connection(to.host, to.port), seconds)
        writer.close()
    return True


async def _has_other_key(to: Endpoint, through: Through, options: dict[str, Any]) -> bool:
    """Whether sshd has no key of the pinned key's type: it then closes the connection without a reason."""
    pinned, _, _ = options["known_hosts"]
    if not pinned:
        return False
    try:
        if through is None:
            way: dict[str, Any] = {"sock": await _tcp(to.host, to.port)}
        else:
            way = {"host": to.host, "port": to.port, "tunnel": _Tunnel(through)}
        offered = await asyncio.wait_for(asyncssh.get_server_host_key(**way), 15)
    except (OSError, asyncssh.Error):
        return False
    return offered is not None and offered.public_data != pinned[0].public_data


def _options(name: str, at: str, to: Endpoint) -> dict[str, Any]:
    """How asyncssh logs in. Raises NodeError if a key is none."""
    pinned = [_key(name, at, "hostKey", to.host_key, asyncssh.import_public_key)] if to.host_key else []
    signers = [_key(name, at, "hostCaKey", to.host_ca_key, asyncssh.import_public_key)] if to.host_ca_key else []
    keys: list[Any] = []
    if to.private_key is not None:
        key = _key(name, at, "privateKey", to.private_key.reveal(), asyncssh.import_private_key)
        signed = to.certificate and _key(name, at, "certificate", to.certificate, asyncssh.import_certificate)
        if signed and signed.key.public_data != key.convert_to_public().public_data:
            raise NodeError(f"{name}: connection.certificate of {at} is the certificate of another key than privateKey")
        keys = [(key, signed), key] if signed else [key]
    return {
        "username": to.user,
        "client_keys": keys,
        "known_hosts": (pinned, signers, []),
        # Neither the user's ssh configuration nor an agent that was not asked for is used.
        "config": None,
        "agent_path": None,
        "preferred_auth": "publickey",
        "keepalive_interval": KEEPALIVE_SECONDS,
        "connect_timeout": LOGIN_SECONDS,
        "login_timeout": LOGIN_SECONDS,
    }


@asynccontextmanager
async def _agent(name: str, at: str, to: Endpoint) -> AsyncIterator[Sequence[Any]]:
    """The keys of the agent, if it is asked for, while it can sign. Raises NodeError if it does not answer.

    asyncssh by itself asks no agent without a key of a file, but for those in the user's home folder.
    """
    if not to.agent:
        yield ()
        return
    only = [_key(name, at, "agentKey", to.agent_key, asyncssh.import_public_key).public_data] if to.agent_key else None
    path = os.environ.get(AGENT)
    if not path:
        raise NodeError(
            f"{name}: the login to {at} needs an SSH agent, and {AGENT} is not set: start one, and run ssh-add"
        )
    try:
        agent = await asyncssh.connect_agent(path)
        keys = await agent.get_keys(only)
    except (OSError, ValueError, asyncssh.Error):
        raise NodeError(f"{name}: the SSH agent at {AGENT} does not answer: start one, and run ssh-add") from None
    if not keys:
        raise NodeError(f"{name}: the SSH agent has {'not the key agentKey' if only else 'no key'}: run ssh-add")
    try:
        yield keys
    finally:
        agent.close()


FORMS = {
    "privateKey": "is not a private key in PEM or OpenSSH form without a passphrase",
    "certificate": "is not a user certificate such as ssh-ed25519-cert-v01@openssh.com AAAA...",
}


def _key(name: str, at: str, field: str, text: str, read: Callable[[str], Key]) -> Key:
    try:
        return read(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        wrong = FORMS.get(field, "is not a public key such as ssh-ed25519 AAAA...")
        raise NodeError(f"{name}: connection.{field} of {at} {wrong}") from None


def _place(to: Endpoint) -> str:
    return f"{to.host}:{to.port}" if isinstance(to, Connection) else f"bastion {to.host}:{to.port}"


def _from(bastions: tuple[Endpoint, ...]) -> str:
    return f" to {_place(bastions[-1])}" if bastions else ""


def _refused(to: Endpoint) -> str:
    if to.certificate is not None:
        return "with this certificate (permission denied): it must be valid now, name the user as principal, and its CA be trusted there"
    if to.agent:
        return "with the agent's keys (permission denied): see `ssh-add -l`, and that user's authorized_keys"
    return "with this key (permission denied): add its public key to that user's authorized_keys"


def _mismatch(name: str, to: Endpoint) -> HostKeyMismatch:
    if to.host_key is None:
        return HostKeyMismatch(
            f"{name}: {_place(to)} shows no valid certificate of the CA in hostCaKey: it must be signed by that CA, be valid "
            f"now, and name {to.host} as principal"
        )
    return HostKeyMismatch(
        f"{name}: the host key of {_place(to)} is not the pinned one: "
        "another machine answers there, or the host was reinstalled (then set its new key)"
    )


def _forbidden(error: Exception) -> bool:
    """Whether a bastion's sshd may not forward."""
    return isinstance(error, asyncssh.ChannelOpenError) and error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED


async def _tcp(host: str, port: int, seconds: float = CONNECT_SECONDS) -> socket.socket:
    """A connected socket to the first address that answers within so many seconds each. Raises OSError; TimeoutError if none
    answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(opened, address), seconds)
            return opened
        except OSError as error:  # TimeoutError is one
            if isinstance(error, TimeoutError) and _is_connected(opened):
                return opened
            opened.close()
            failure = error
    raise failure


def _is_connected(opened: socket.socket) -> bool:
    """The kernel knows: a process that was busy meanwhile sees its time limit before it sees the answer."""
    try:
        opened.getpeername()
    except OSError:
        return False
    return True
