"""One pooled SSH connection a node, with a pinned host key. Scripts travel on standard input, never on a command line."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from typing import Any

import asyncssh

from provider.model import Connection, NodeError

CONNECT_SECONDS = 60
TRIES = 4
"""A node that has just rebooted refuses for a moment; one that refuses on is given up within seconds."""

KEEPALIVE_SECONDS = 15
AT_ONCE = 8
"""Sessions on one connection: sshd's MaxSessions is 10 by default."""


class Unreachable(NodeError):
    """The node does not answer."""


@dataclass
class Result:
    """What a script printed and how it ended."""

    status: int
    stdout: str
    stderr: str


class Pool:
    """The connections of this process, opened when first needed and shared from then on."""

    def __init__(self) -> None:
        self._nodes: dict[Connection, Node] = {}

    def node(self, name: str, connection: Connection) -> Node:
        """The node behind a connection; `name` is what messages call it."""
        if connection not in self._nodes:
            self._nodes[connection] = Node(name, connection)
        return self._nodes[connection]


class Node:
    """One node: runs scripts as root, and tunnels to its local ports."""

    def __init__(self, name: str, connection: Connection) -> None:
        self.name = name
        self._connection = connection
        self._lock = asyncio.Lock()
        self._sessions = asyncio.Semaphore(AT_ONCE)
        self._open: asyncssh.SSHClientConnection | None = None

    async def run(self, purpose: str, script: str, writes: int = 0, paths: tuple[str, ...] = ()) -> Result:
        """Runs a POSIX sh script as root. Raises Unreachable, or NodeError where root cannot be had."""
        connected = await self._connect()
        trace(self.name, purpose, writes, paths)
        command = "sh -s" if self._connection.user == "root" else "sudo -n sh -s"
        async with self._sessions:
            try:
                done = await connected.run(command, input=script, check=False)
            except (OSError, asyncssh.Error) as error:
                self._open = None
                raise Unreachable(f"{self.name}: the connection broke ({_reason(error)}): run pulumi again") from None
        if done.returncode is None:
            self._open = None
            raise Unreachable(f"{self.name}: the connection broke while it was being worked on: run pulumi again")
        stdout, stderr = str(done.stdout or ""), str(done.stderr or "")
        if done.returncode != 0 and "sudo:" in stderr and "password" in stderr:
            raise NodeError(
                f"{self.name}: {self._connection.user} may not use sudo without a password: allow it in /etc/sudoers.d"
            )
        return Result(done.returncode, stdout, stderr)

    async def tunnel(self, host: str, port: int) -> asyncssh.SSHListener:
        """A local listener that leads to host:port as the node sees it. The caller closes it."""
        connected = await self._connect()
        return await connected.forward_local_port("127.0.0.1", 0, host, port)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        async with self._lock:
            if self._open is not None and not self._open.is_closed():
                return self._open
            self._open = await self._dial()
            return self._open

    async def _dial(self) -> asyncssh.SSHClientConnection:
        target = self._connection
        options = self._options()
        for failed in range(1, TRIES + 1):
            try:
                return await asyncio.wait_for(
                    asyncssh.connect(target.host, target.port, **options), CONNECT_SECONDS + 10
                )
            except asyncssh.HostKeyNotVerifiable:
                raise NodeError(
                    f"{self.name}: the host key of {target.host}:{target.port} is not the pinned one: another machine "
                    "answers there, or it was installed anew (then set its new key)"
                ) from None
            except asyncssh.PermissionDenied:
                raise NodeError(
                    f"{self.name}: {target.host}:{target.port} does not let {target.user} in with this key: put its "
                    "public key into that user's authorized_keys"
                ) from None
            except (OSError, asyncssh.Error, TimeoutError) as error:
                if failed == TRIES:
                    raise Unreachable(
                        f"{self.name}: {target.host}:{target.port} does not answer ({_reason(error)})"
                    ) from None
                await asyncio.sleep(failed)
        raise AssertionError("the last try returns or raises")

    def _options(self) -> dict[str, Any]:
        target = self._connection
        name = target.host if target.port == 22 else f"[{target.host}]:{target.port}"
        try:
            key = asyncssh.import_private_key(target.private_key)
            known = asyncssh.import_known_hosts(f"{name} {target.host_key}\n")
        except (asyncssh.KeyImportError, ValueError):
            raise NodeError(f"{self.name}: the private key or the host key of its connection cannot be read") from None
        return {
            "username": target.user,
            "client_keys": [key],
            "known_hosts": known,
            # Neither the user's ssh configuration nor an agent has a say.
            "config": None,
            "agent_path": None,
            "keepalive_interval": KEEPALIVE_SECONDS,
            "connect_timeout": CONNECT_SECONDS,
            "login_timeout": CONNECT_SECONDS,
        }


def trace(node: str, purpose: str, writes: int, paths: tuple[str, ...]) -> None:
    """Notes one remote operation in the file that PLUMBLINE_TRACE names: no contents, ever."""
    if file := os.environ.get("PLUMBLINE_TRACE"):
        line = {"at": time.time(), "node": node, "op": purpose, "writes": writes, "paths": list(paths)}
        with open(file, "a") as opened:
            opened.write(json.dumps(line) + "\n")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
