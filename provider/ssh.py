"""One pooled SSH connection per node, with a pinned host key.

Scripts travel on standard input, never on a command line. What they print reaches messages without secrets only.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncssh

from nodestate import Connection, NodeState
from provider.errors import HostKeyMismatch, NodeError, Unreachable
from provider.scrub import Scrubber

CONNECT_SECONDS = 10
"""For TCP alone: a host that does not answer by then is down, or unreachable."""

LOGIN_SECONDS = 60
"""For handshake and login: an emulated machine that shares its cores with others takes half a minute."""

TRIES = 4
"""A node that has just rebooted refuses for a moment; one that keeps refusing is given up within seconds."""

SILENT_TRIES = 2
"""A node that does not even refuse is given up sooner: each try takes CONNECT_SECONDS."""

KEEPALIVE_SECONDS = 15
SESSIONS = 8
"""Sessions on one connection: sshd's MaxSessions is 10 by default."""

CONCURRENT_DIALS = 32
RUN_SECONDS = 900


@dataclass(frozen=True)
class Result:
    """How a script ended and what it printed. `stdout` and `stderr` hold no line with a secret.

    `report` is standard output as it was printed: for parsing only, never for a message.
    """

    status: int
    report: str = field(repr=False)
    stdout: str
    stderr: str

    @property
    def failure(self) -> str:
        """The end of what it printed as errors."""
        return self.stderr.strip()[-500:]


class SshPool:
    """The connections of this process, opened when first needed and shared from then on."""

    def __init__(self) -> None:
        self._sessions: dict[Connection, SshSession] = {}
        self._dials = asyncio.Semaphore(CONCURRENT_DIALS)

    def session(self, name: str, connection: Connection) -> SshSession:
        """The session of a connection; `name` is the node's name in messages."""
        if connection not in self._sessions:
            self._sessions[connection] = SshSession(name, connection, self._dials)
        return self._sessions[connection]

    async def close(self) -> None:
        """Ends every connection."""
        await asyncio.gather(*[one.close() for one in self._sessions.values()])


class SshSession:
    """One node: runs scripts as root, and tunnels to its local ports."""

    def __init__(self, name: str, connection: Connection, dials: asyncio.Semaphore) -> None:
        self.name = name
        self._connection = connection
        self._dials = dials
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._open: asyncssh.SSHClientConnection | None = None
        self._dialing: asyncio.Task[asyncssh.SSHClientConnection] | None = None

    async def run(
        self,
        operation: str,
        script: str,
        *,
        hiding: Sequence[NodeState],
        writes: int = 0,
        paths: Sequence[str] = (),
        seconds: float = RUN_SECONDS,
    ) -> Result:
        """Runs a POSIX sh script as root, for at most `seconds`.

        `hiding` are the states whose secrets the node may print: they are in no text of the result. `operation`, the
        number of `writes` and the `paths` go to the trace. Raises NodeError; Unreachable if the connection breaks.
        """
        connected = await self._connect()
        trace(self.name, operation, writes, paths)
        command = "sh -s" if self._connection.user == "root" else "LC_ALL=C sudo -n sh -s"
        async with self._sessions:
            try:
                done = await asyncio.wait_for(connected.run(command, input=script, check=False), seconds)
            except TimeoutError:
                raise NodeError(
                    f"{self.name}: `{operation}` did not end within {seconds:.0f} s: see what hangs there, then run "
                    "pulumi again"
                ) from None
            except (OSError, asyncssh.Error) as error:
                self._open = None
                raise Unreachable(f"{self.name}: the connection broke ({_reason(error)}): run pulumi again") from None
        if done.returncode is None or done.returncode < 0:
            self._open = None
            raise Unreachable(f"{self.name}: the connection broke during `{operation}`: run pulumi again")
        scrubber = Scrubber(hiding)
        report = str(done.stdout or "")
        stdout, stderr = scrubber.scrub(report), scrubber.scrub(str(done.stderr or ""))
        if done.returncode != 0 and not report and stderr.startswith("sudo:"):
            raise Unreachable(
                f"{self.name}: {self._connection.user} may not use sudo without a password "
                f"({_first(stderr.removeprefix('sudo:'))}): allow it in /etc/sudoers.d"
            )
        return Result(done.returncode, report, stdout, stderr)

    async def reach(self) -> None:
        """Connects, if it is not connected. Raises Unreachable."""
        await self._connect()

    async def tunnel(self, host: str, port: int) -> asyncssh.SSHListener:
        """A local listener, forwarded to host:port as the node sees it. The caller closes it."""
        connected = await self._connect()
        return await connected.forward_local_port("127.0.0.1", 0, host, port)

    async def close(self) -> None:
        """Ends the connection."""
        if self._open is not None:
            self._open.close()
            await self._open.wait_closed()

    async def _connect(self) -> asyncssh.SSHClientConnection:
        if self._open is not None and not self._open.is_closed():
            return self._open
        # Callers that come while it dials share the result, a failure too.
        if self._dialing is None or self._dialing.done():
            self._dialing = asyncio.create_task(self._dial())
        self._open = await asyncio.shield(self._dialing)
        return self._open

    async def _dial(self) -> asyncssh.SSHClientConnection:
        target = self._connection
        at = f"{target.host}:{target.port}"
        key, pinned = self._keys()
        for failed in range(1, TRIES + 1):
            try:
                async with self._dials:
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
                raise self._mismatch() from None
            except asyncssh.PermissionDenied:
                raise Unreachable(
                    f"{self.name}: {at} refuses user {target.user} with this key (permission denied): add its public key "
                    "to that user's authorized_keys"
                ) from None
            except (OSError, asyncssh.Error) as error:
                # Trying again does not help if the name is not known.
                final = isinstance(error, socket.gaierror)
                if final or failed == (SILENT_TRIES if isinstance(error, TimeoutError) else TRIES):
                    if await self._has_other_key():
                        raise self._mismatch() from None
                    raise Unreachable(f"{self.name}: {at} does not answer ({_reason(error)})") from None
                await asyncio.sleep(failed)
        raise AssertionError("the last try returns or raises")

    async def _has_other_key(self) -> bool:
        """Whether sshd has no key of the pinned key's type: it then closes the connection without a reason."""
        target = self._connection
        try:
            offered = await asyncio.wait_for(
                asyncssh.get_server_host_key(sock=await _tcp(target.host, target.port)), 15
            )
        except (OSError, asyncssh.Error):
            return False
        return offered is not None and offered.public_data != self._keys()[1].public_data

    def _mismatch(self) -> HostKeyMismatch:
        return HostKeyMismatch(
            f"{self.name}: the host key of {self._connection.host}:{self._connection.port} is not the pinned one: "
            "another machine answers there, or the host was reinstalled (then set its new key)"
        )

    def _keys(self) -> tuple[asyncssh.SSHKey, asyncssh.SSHKey]:
        try:
            key = asyncssh.import_private_key(self._connection.private_key.reveal())
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            raise NodeError(
                f"{self.name}: connection.privateKey is not a private key in PEM or OpenSSH form without a passphrase"
            ) from None
        try:
            return key, asyncssh.import_public_key(self._connection.host_key)
        except (asyncssh.KeyImportError, ValueError):
            raise NodeError(
                f"{self.name}: connection.hostKey is not a public key such as ssh-ed25519 AAAA..."
            ) from None


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


def trace(node: str, operation: str, writes: int, paths: Sequence[str]) -> None:
    """Notes one remote operation in the file that PLUMBLINE_TRACE names: no contents, ever."""
    if file := os.environ.get("PLUMBLINE_TRACE"):
        line = {"at": time.time(), "node": node, "op": operation, "writes": writes, "paths": list(paths)}
        with open(file, "a") as opened:
            opened.write(json.dumps(line) + "\n")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]
