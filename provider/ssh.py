"""One pooled SSH connection per node: runs scripts as root, each told apart from all else that a login prints.

Scripts travel on standard input, never on a command line. What they print reaches messages without secrets only.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property

import asyncssh

from nodestate import Connection, NodeState
from provider.dial import Dialer, reason
from provider.errors import NodeError, TimedOut, Unreachable
from provider.remote.shell import begun, end_script
from provider.root_shell import RootShell
from provider.scrub import Filtered, Scrubber, Unfiltered, ending

SESSIONS = 8
"""Sessions on one connection: sshd's MaxSessions is 10 by default. Fewer are used once sshd has refused one."""

SESSION_SECONDS = 30
"""How long sshd may refuse a session that it should grant: one that has just ended is freed a moment later."""

ANSWER_SECONDS = 3.0
"""How long a node gets to accept a connection where another one can take its place."""

CONCURRENT_DIALS = 32
RUN_SECONDS = 900
END_SECONDS = 60


class Result:
    """How a script ended and what it printed, chatter of the login apart. `stdout`, `stderr` and `failure` hold no secret.

    `report` is standard output as it was printed: for parsing only, never for a message.
    """

    def __init__(
        self, status: int, report: str, stdout: str, stderr: str, scrub: Callable[[str], Filtered] = Filtered
    ) -> None:
        self.status = status
        self.report = report
        self._printed = (stdout, stderr)
        self._scrub = scrub

    @cached_property
    def stdout(self) -> Filtered:
        """Standard output without secrets."""
        return self._scrub(self._printed[0])

    @cached_property
    def stderr(self) -> Filtered:
        """Standard error without secrets."""
        return self._scrub(self._printed[1])

    @property
    def failure(self) -> str:
        """The end of what it printed as errors, without secrets."""
        return ending(self.stderr)

    def __repr__(self) -> str:
        return f"Result({self.status}, {self.failure!r})"


class SshPool:
    """The connections of this process, opened when first needed and shared from then on."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, Connection], SshSession] = {}
        self._dialer = Dialer(CONCURRENT_DIALS)

    def session(self, name: str, connection: Connection) -> SshSession:
        """The session of a connection; `name` is the node's name in messages."""
        if (name, connection) not in self._sessions:
            self._sessions[name, connection] = SshSession(name, connection, self._dialer)
        return self._sessions[name, connection]

    async def close(self) -> None:
        """Ends every connection."""
        await asyncio.gather(*[one.close() for one in self._sessions.values()])
        await self._dialer.close()


class SshSession:
    """One node: runs scripts as root, and tunnels to its local ports. A broken connection is dialled again."""

    def __init__(self, name: str, connection: Connection, dialer: Dialer) -> None:
        self.name = name
        self._connection = connection
        self._dialer = dialer
        self._scrubber = Scrubber()
        self._shell = RootShell(name, connection, self._scrubber.scrub)
        self._free = asyncio.Condition()
        self._granted = SESSIONS
        self._used = self._opened = self._proven = 0
        """Slots in use; sessions that are open; the most that were open at once on this connection."""

        self._open: asyncssh.SSHClientConnection | None = None
        self._dialing: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._lost: set[str] = set()
        """Scripts whose end was not seen: they may still run on the node."""

        self._ending = asyncio.Lock()

    def hide(self, states: Iterable[NodeState]) -> None:
        """Hides the secrets of these states in all that the node prints from now on: the former ones, for example."""
        self._scrubber.add(states)

    def show(self, script: str) -> None:
        """Lets pass what the node prints of a script of the program: addresses, for example."""
        self._scrubber.add_script(script)

    def without_secrets(self, text: str) -> str:
        """The text with each line replaced that holds a secret of these states."""
        return str(self._scrubber.scrub(text))

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
        """Runs a POSIX sh script as root, for at most `seconds`, with LC_ALL=C.

        `hiding` are states whose secrets the node may print: no text of this result, or of a later one, holds them.
        `operation`, the number of `writes` and the `paths` go to the trace. A script of an earlier call whose end was not
        seen is ended on the node first. Raises NodeError: TimedOut once the script was ended since it outlived its limit;
        Unreachable, which tells whether it may have run, if the node cannot be worked on.
        """
        self.hide(hiding)
        await self._end_lost()
        trace(self.name, operation, writes, paths)
        token = secrets.token_hex(12)
        async with self._session():
            process = await self._begin(token, script)
            try:
                printed = await asyncio.wait_for(process.communicate(), seconds)
            except TimeoutError:
                raise await self._timed_out(token, operation, seconds) from None
            except (OSError, asyncssh.Error) as error:
                raise self._broken(token, operation, f" ({reason(error)})") from None
            except asyncio.CancelledError:
                self._lost.add(token)
                raise
            finally:
                self._opened -= 1
                process.close()
            return self._result(token, process, operation, *map(_text, printed))

    async def try_run(self, operation: str, script: str, *, hiding: Sequence[NodeState], seconds: float = 60) -> Result:
        """Runs a script that only helps to explain a failure: it never raises. If it cannot run, the result says so."""
        try:
            return await self.run(operation, script, hiding=hiding, seconds=seconds)
        except NodeError as error:
            said = f"({error})"
            return Result(1, "", said, said)

    async def reach(self) -> None:
        """Connects, if it is not connected. Raises Unreachable."""
        await self._connect()

    async def answers(self, seconds: float) -> bool:
        """Whether it is connected, or its port accepts a connection within so many seconds. Nothing is tried twice; a login
        that is under way gets so many seconds, too."""
        if self._dialing is not None and not self._dialing.done():
            ended, _ = await asyncio.wait({self._dialing}, timeout=seconds)
            if any(not one.cancelled() and one.exception() is None for one in ended):
                return True
        if self._open is not None and not self._open.is_closed():
            return True
        return await self._dialer.accepts(self.name, self._connection, seconds)

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
        self._drop(self._open)
        # Callers that come while it dials share the result, a failure too.
        if self._dialing is None or self._dialing.done():
            self._dialing = asyncio.create_task(self._dialer.dial(self.name, self._connection))
        self._open = await asyncio.shield(self._dialing)
        return self._open

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        """Waits for one of the sessions that sshd grants."""
        async with self._free:
            await self._free.wait_for(lambda: self._used < self._granted)
            self._used += 1
        try:
            yield
        finally:
            await self._leave()

    async def _leave(self) -> None:
        async with self._free:
            self._used -= 1
            self._free.notify_all()

    async def _begin(self, token: str, script: str) -> asyncssh.SSHClientProcess[bytes]:
        """Starts a script in a session of its connection. A refused session is waited for, and fewer are used from then
        on; a connection that turns out to be dead is dialled again: nothing was sent yet."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + SESSION_SECONDS
        while True:
            connected = await self._connect()
            try:
                process = await self._shell.begin(connected, token, script)
            except (OSError, asyncssh.Error) as error:
                lost = connected.is_closed() or not isinstance(error, asyncssh.ChannelOpenError)
                why = reason(error)
            else:
                self._opened += 1
                self._proven = max(self._proven, self._opened)
                return process
            if lost:
                self._drop(connected)
            elif await self._make_room(clock() > deadline):
                deadline = clock() + SESSION_SECONDS
                continue
            if clock() > deadline:
                raise Unreachable(f"{self.name}: sshd opens no session ({why}): see MaxSessions in its configuration")
            await asyncio.sleep(0.2)

    async def _make_room(self, late: bool) -> bool:
        """After a refusal: waits for the end of another session of ours, if it holds all that sshd grants.

        If as many were open before, one of them has just ended, and sshd frees it in a moment: False, until it is `late`.
        """
        async with self._free:
            if self._used == 1 or (self._used <= self._proven and not late):
                return False
            self._used -= 1
            self._granted = self._used
            self._free.notify_all()
            try:
                await self._free.wait_for(lambda: self._used < self._granted)
            finally:
                self._used += 1
            return True

    def _result(
        self, token: str, process: asyncssh.SSHClientProcess[bytes], operation: str, stdout: str, stderr: str
    ) -> Result:
        chatter, began, report = stdout.partition(f"{begun(token)}\n")
        chatter_on_errors, marked, errors = stderr.partition(f"{begun(token)}\n")
        status = process.exit_status
        if status is None:
            raise self._broken(token, operation)
        if status < 0:
            status = 128  # it was killed by a signal
        if not began:
            said = ending(self._scrubber.scrub(f"{chatter_on_errors}\n{chatter}"), 300)
            raise self._shell.refused(status, said)
        return Result(status, Unfiltered(report), report, errors if marked else stderr, self._scrubber.scrub)

    def _broken(self, token: str, operation: str, why: str = "") -> Unreachable:
        self._lost.add(token)
        return Unreachable(
            f"{self.name}: the connection broke during `{operation}`{why}: run pulumi again", started=True
        )

    def _drop(self, connected: object) -> None:
        """Forgets a connection that broke, unless another was dialled since."""
        if self._open is not None and self._open is connected:
            self._open.abort()
            self._open = None
            self._granted, self._proven = SESSIONS, 0

    async def _timed_out(self, token: str, operation: str, seconds: float) -> NodeError:
        text = f"{self.name}: `{operation}` did not end within {seconds:.0f} s"
        self._lost.add(token)
        try:
            await self._end_lost()
        except NodeError as error:
            return Unreachable(f"{text}, and was not ended ({error}): run pulumi again", started=True)
        return TimedOut(f"{text} and was ended: see what hangs there, then run pulumi again")

    async def _end_lost(self) -> None:
        """Ends what may still run on the node of scripts whose end was not seen. Raises NodeError.

        Over a connection made for it: a session of a script that hangs is not free, and there may be no other.
        """
        async with self._ending:
            if not (lost := frozenset(self._lost)):
                return
            token = secrets.token_hex(12)
            connected = await self._dialer.dial(self.name, self._connection)
            try:
                process = await self._shell.begin(connected, token, end_script(lost))
                _, errors = await asyncio.wait_for(process.communicate(), END_SECONDS)
            except (OSError, asyncssh.Error) as error:
                raise Unreachable(f"{self.name}: the connection broke ({reason(error)})") from None
            finally:
                connected.abort()
            if process.exit_status != 0:
                said = ending(self._scrubber.scrub(_text(errors)))
                raise NodeError(f"{self.name}: an earlier script is not ended there: {said}")
            self._lost -= lost


def trace(node: str, operation: str, writes: int, paths: Sequence[str]) -> None:
    """Notes one remote operation in the file that PLUMBLINE_TRACE names: no contents, ever."""
    if file := os.environ.get("PLUMBLINE_TRACE"):
        line = {"at": time.time(), "node": node, "op": operation, "writes": writes, "paths": list(paths)}
        with open(file, "a") as opened:
            opened.write(json.dumps(line) + "\n")


def _text(printed: bytes | str | None) -> str:
    return printed if isinstance(printed, str) else (printed or b"").decode("utf-8", "replace")
