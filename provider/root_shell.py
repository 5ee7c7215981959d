"""Starts scripts on a node as root: by itself for root, else through sudo, with or without a password.

The password goes to sudo on standard input once sudo has asked for it, and nowhere else: no argument, no file, no log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh

from nodestate import Connection
from provider.errors import Refused, Unreachable
from provider.remote.shell import started
from provider.scrub import Filtered, ending

ASK_SECONDS = 60
"""For sudo to ask or to start the shell: it waits some seconds after a wrong password."""

Process = asyncssh.SSHClientProcess[bytes]


class RootShell:
    """The root shells of one node."""

    def __init__(self, name: str, connection: Connection, scrub: Callable[[str], Filtered]) -> None:
        self._name = name
        self._scrub = scrub
        self._connection = connection
        self._proving = asyncio.Lock()
        self._proven = False
        self._denied: str | None = None
        """The reason once sudo has refused the password. It is not offered again: PAM may lock an account after a few."""

    async def begin(self, connected: asyncssh.SSHClientConnection, token: str, script: str) -> Process:
        """Starts a script; by the token it and its children are found on the node, in case they have to be ended.

        Raises Refused if sudo refuses the password, Unreachable if it starts no shell, OSError or asyncssh.Error if the connection fails.
        """
        text = started(token, script).encode()
        if self._connection.user == "root" or self._connection.sudo_password is None:
            sudo = "" if self._connection.user == "root" else "sudo -n "
            return await connected.create_process(f"{sudo}sh -s {token}", input=text, encoding=None)
        if self._proven:
            return await self._with_password(connected, token, text)
        async with self._proving:
            process = await self._with_password(connected, token, text)
            self._proven = True
            return process

    def refused(self, status: int, said: str) -> Unreachable:
        """The error of a script that did not start. `said` is what the node printed, without secrets."""
        user = self._connection.user
        allow = (
            "" if user == "root" else ": allow it sudo without a password in /etc/sudoers.d, or set its sudoPassword"
        )
        return Unreachable(
            f"{self._name}: cannot be worked on: {user} gets no root shell (ended with {status}"
            f"{f', said: {said}' if said else ''}){allow}"
        )

    async def _with_password(self, connected: asyncssh.SSHClientConnection, token: str, text: bytes) -> Process:
        if self._denied is not None:
            raise Refused(self._denied)
        assert self._connection.sudo_password is not None
        ask, ready = f"ask-{token}:".encode(), f"ready-{token}\n".encode()
        # The marks are put together on the node: a shell that prints what it runs prints none of them.
        shell = f'sh -c \'echo "ready-$1" >&2; exec sh -s "$1"\' sh {token}'
        # Without -k, sudo might not ask, since it has asked a while ago.
        process = await connected.create_process(f'sudo -k -S -p "ask-"{token}: {shell}', encoding=None)
        chatter = b""
        try:
            for tried in (False, True):
                found = await asyncio.wait_for(process.stderr.readuntil((ask, ready)), ASK_SECONDS)
                chatter += found
                if found.endswith(ready):
                    process.stdin.write(text)
                    process.stdin.write_eof()
                    return process
                if not tried:
                    process.stdin.write(self._connection.sudo_password.reveal().encode() + b"\n")
            self._denied = self._denial()
            raise Refused(self._denied)
        except TimeoutError:
            raise Unreachable(
                f"{self._name}: sudo asks for something other than the password of {self._connection.user}, or hangs: "
                "allow that user sudo with its password alone, or without one, in /etc/sudoers.d"
            ) from None
        except asyncio.IncompleteReadError as error:
            await process.wait_closed()
            said = ending(self._scrub((chatter + error.partial).replace(ask, b"").decode("utf-8", "replace")), 300)
            raise self.refused(process.exit_status or 1, said) from None
        except BaseException:
            process.close()
            raise

    def _denial(self) -> str:
        user = self._connection.user
        return (
            f"{self._name}: sudo refuses the password of {user}: set sudoPassword to that user's password on {self._name}, "
            "or allow it sudo without a password in /etc/sudoers.d"
        )
