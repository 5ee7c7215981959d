"""Scripts on a real sshd: few sessions, no tunnels, talkative logins, bytes that are no text, hangs, cut connections."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography import x509

from nodestate import Connection, File, NodeState, Secret
from provider.errors import TimedOut, Unreachable
from provider.remote.shell import check_script, required_tools, tools_script, whole
from provider.served import wait_served
from provider.ssh import SshPool, SshSession
from tests.provider import sshd as server
from tests.provider.test_certificates import issued

T = TypeVar("T")
Serve = Callable[..., server.Sshd]
PORT = 18444
AT = f"127.0.0.1:{PORT}"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts one sshd with these lines of configuration."""
    running: list[server.Sshd] = []

    def start(*options: str) -> server.Sshd:
        running.append(server.start(tmp_path / f"sshd{len(running)}", *options))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def session(pool: SshPool, sshd: server.Sshd) -> SshSession:
    return pool.session("n1", Connection("127.0.0.1", Secret(sshd.private_key), sshd.host_key, port=sshd.port))


def on(sshd: server.Sshd, scene: Callable[[SshSession], Awaitable[T]]) -> T:
    """Plays a scene with a session of a pool that it closes."""

    async def played() -> T:
        pool = SshPool()
        try:
            return await scene(session(pool, sshd))
        finally:
            await pool.close()

    return asyncio.run(played())


def run(sshd: server.Sshd, script: str, *states: NodeState) -> tuple[int, str, str]:
    """Runs one script; returns its status, output and errors."""

    async def scene(node: SshSession) -> tuple[int, str, str]:
        done = await node.run("act", script, hiding=states)
        return done.status, done.stdout, done.stderr

    return on(sshd, scene)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Waits at most 20 seconds for a condition."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


def processes(word: str) -> list[str]:
    """The running processes with this word in their arguments."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if word in arguments:
            found.append(f"{file.parent.name}: {' '.join(arguments)}")
    return found


@pytest.mark.parametrize("granted", [1, 2])
def test_run_uses_the_sessions_that_sshd_grants(serve: Serve, tmp_path: Path, granted: int) -> None:
    """E14."""
    now = tmp_path / "now"
    now.mkdir()
    script = f"touch {now}/$$; ls {now} | wc -l; sleep 0.1; rm {now}/$$\n"

    async def scene(node: SshSession) -> list[str]:
        first = await asyncio.gather(*[node.run("act", script, hiding=()) for _ in range(10)])
        second = await asyncio.gather(*[node.run("act", script, hiding=()) for _ in range(10)])
        return [one.stdout.strip() for one in (*first, *second)]

    counts = on(serve(f"MaxSessions {granted}"), scene)
    assert len(counts) == 20
    assert max(counts) == str(granted), "no more than granted, and all of them are used"


def test_run_without_any_session_names_the_setting(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provider.ssh.SESSION_SECONDS", 1)
    with pytest.raises(Unreachable, match=r"n1: sshd opens no session .*MaxSessions") as raised:
        run(serve("MaxSessions 0"), "true\n")
    assert not raised.value.started


def test_output_that_is_no_text_is_kept(serve: Serve) -> None:
    """E2."""
    status, said, errors = run(serve(), "printf 'caf\\351 \\377\\n'; printf '\\376 end\\n' >&2; exit 3\n")
    assert (status, said, errors) == (3, "caf\ufffd \ufffd\n", "\ufffd end\n")


def test_chatter_of_a_login_shell_is_no_output(serve: Serve) -> None:
    """Case 21."""
    talk = "echo '{not json'; printf 'no line end'; echo sudo: unable to resolve host >&2"
    sshd = serve(f'ForceCommand {talk}; set -vx; eval "$SSH_ORIGINAL_COMMAND"')
    assert run(sshd, "echo out; echo err >&2; exit 1\n") == (1, "out\n", "err\n")


def test_login_without_a_shell_is_unreachable(serve: Serve) -> None:
    """Case 3: whatever is printed, it is quoted, and never parsed."""
    secret = NodeState(files={"/key": File(Secret("VerySecretWord\n"))})
    sshd = serve("ForceCommand echo 'We trust you have received the usual lecture'; echo VerySecretWord >&2; exit 1")
    with pytest.raises(Unreachable) as raised:
        run(sshd, "true\n", secret)
    text = str(raised.value)
    assert "n1: cannot be worked on: root gets no root shell (ended with 1, said: (a line with a secret)" in text
    assert "usual lecture" in text and "VerySecretWord" not in text
    assert not raised.value.started


def test_script_with_a_syntax_error_is_a_failure_of_the_script(serve: Serve) -> None:
    status, _, errors = run(serve(), whole(["if then"]))
    assert status == 2 and "yntax error" in errors


@pytest.mark.parametrize("granted", [1, 10])
def test_script_that_outlives_its_limit_is_ended_on_the_node(serve: Serve, tmp_path: Path, granted: int) -> None:
    """E16: with its children in other process groups and sessions, so that its lock is free."""
    lock, word = tmp_path / "lock", f"30{os.getpid()}"
    hang = whole(
        [
            f"exec 9>{lock}; flock 9",
            f"setsid sleep {word} &",
            f"timeout 600 sleep {word} &",
            f"(cd /; trap '' TERM; sleep {word}) & wait",
        ]
    )

    async def scene(node: SshSession) -> str:
        with pytest.raises(TimedOut, match="n1: `restart` did not end within 1 s and was ended"):
            await node.run("restart", hang, hiding=(), seconds=1)
        assert processes(word) == []
        done = await node.run("roll back", f"flock -n {lock} echo free\n", hiding=(), seconds=5)
        return done.stdout

    assert on(serve(f"MaxSessions {granted}"), scene) == "free\n"


def test_script_of_a_broken_connection_is_ended_before_the_next(serve: Serve, tmp_path: Path) -> None:
    sshd, word, begun = serve(), f"31{os.getpid()}", tmp_path / "begun"

    async def scene(node: SshSession) -> str:
        running = asyncio.create_task(node.run("commit", f"touch {begun}; sleep {word}; exit 0\n", hiding=()))
        await until(begun.exists, "the script has not begun")
        sshd.cut()
        with pytest.raises(Unreachable, match="n1: the connection broke during `commit`") as raised:
            await running
        assert raised.value.started
        assert processes(word) != [], "sshd leaves it running"
        done = await node.run("roll back", "echo dialled again\n", hiding=())
        assert processes(word) == []
        return done.stdout

    assert on(sshd, scene) == "dialled again\n"


def test_connection_that_broke_meanwhile_is_dialled_again(serve: Serve) -> None:
    sshd = serve()

    async def scene(node: SshSession) -> str:
        await node.run("read", "true\n", hiding=())
        sshd.cut()
        # At once, and again once the client has noticed.
        return (await node.run("read", "echo again\n", hiding=())).stdout

    assert on(sshd, scene) == "again\n"


def test_node_that_answers_while_this_process_is_busy_has_answered(serve: Serve) -> None:
    async def scene(node: SshSession) -> bool:
        answer = asyncio.create_task(node.answers(0.2))
        await asyncio.sleep(0)
        time.sleep(0.5)  # the time limit has passed when the loop looks again, and the answer is there
        return await answer

    assert on(serve(), scene)


def test_login_under_way_is_an_answer_once_it_succeeds(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(node: SshSession) -> tuple[bool, bool]:
        login = asyncio.create_task(node.reach())
        await asyncio.sleep(0)
        monkeypatch.setattr("provider.dial.Dialer.accepts", None)
        first, second = await asyncio.gather(node.answers(20), node.answers(20))
        await login
        return first, second

    assert on(serve(), scene) == (True, True)


def test_try_run_never_raises(serve: Serve) -> None:
    sshd = serve()

    async def scene(node: SshSession) -> str:
        await node.reach()
        sshd.cut()
        sshd.stop()
        return (await node.try_run("journal", "echo text\n", hiding=())).stdout

    said = on(sshd, scene)
    assert said.startswith("(n1: ")


def test_killed_script_is_a_failure_of_the_script(serve: Serve) -> None:
    status, _, errors = run(serve(), "echo before >&2; kill -9 $$\n")
    assert status != 0 and errors == "before\n"


@contextmanager
def served(certificate: str, key: str, folder: Path) -> Iterator[None]:
    """A program that serves a certificate and insists on one of the client."""
    (folder / "tls.pem").write_text(certificate + key)
    command = ["openssl", "s_server", "-quiet", "-accept", AT, "-cert", str(folder / "tls.pem"), "-Verify", "1", "-www"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        try:
            yield
        finally:
            one.kill()


@contextmanager
def tools(folder: Path, without: tuple[str, ...]) -> Iterator[str]:
    """A folder with the commands of this machine but some, as sshd's option that makes it the PATH of scripts."""
    folder.mkdir()
    for place in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        for file in Path(place).iterdir():
            if file.name not in without and not (folder / file.name).is_symlink():
                (folder / file.name).symlink_to(file)
    yield f'ForceCommand env PATH={folder} sh -c "$SSH_ORIGINAL_COMMAND"'


@pytest.mark.parametrize("without", [(), ("openssl",), ("curl",), ("curl", "openssl")], ids="-".join)
def test_served_certificate_is_asked_on_the_node(serve: Serve, tmp_path: Path, without: tuple[str, ...]) -> None:
    """E20: sshd forbids tunnels; only a node without any program that can tell needs one. Case 13: no proxy is asked."""
    (old, _), (new, key) = issued(0x1001), issued(0x2002)
    forbid = ["AllowTcpForwarding no"] if len(without) < 2 else []

    async def scene(node: SshSession) -> list[str | None]:
        return [
            await wait_served(node, AT, x509.load_pem_x509_certificate(one.encode()), 1, hiding=())
            for one in (old, new)
        ]

    with tools(tmp_path / "bin", without) as path:
        sshd = serve(*forbid, path, "SetEnv https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9")
        with served(new, key, tmp_path):
            assert on(sshd, scene) == [f"{AT} still serves the old certificate", None]
        assert on(sshd, scene) == [f"nothing answers at {AT}"] * 2


def test_check_asks_no_proxy(serve: Serve) -> None:
    """Case 13."""
    sshd = serve("SetEnv http_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9")
    assert "127.0.0.1:9" in run(sshd, "env\n")[1]
    assert "127.0.0.1:9" not in run(sshd, check_script("env"))[1]


def test_trace_holds_no_contents(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    monkeypatch.setenv("PLUMBLINE_TRACE", str(trace))
    run(serve(), "echo VerySecretWord >&2\n", NodeState(files={"/key": File(Secret("VerySecretWord"))}))
    assert '"op": "act"' in trace.read_text() and "VerySecret" not in trace.read_text()


def test_tools_of_this_machine_suffice(serve: Serve) -> None:
    assert run(serve(), tools_script()) == (0, "", "")


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ('mv() { case $1 in -*T*) return 1;; esac; command mv "$@"; }', "mv -T"),
        ('base64() { case $* in *-w*) return 1;; esac; command base64 "$@"; }', "base64 -w0"),
        ("flock() { return 127; }", "flock -w"),
    ],
)
def test_tools_that_lack_an_option_are_named(serve: Serve, broken: str, named: str) -> None:
    assert named in required_tools()
    assert run(serve(), f"{broken}\n{tools_script()}") == (0, f"missing\t{named}\n", "")


@pytest.mark.skipif(shutil.which("busybox") is None, reason="there is no busybox")
def test_busybox_has_the_tools_or_they_are_named(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    subprocess.run(["busybox", "--install", "-s", str(folder)], check=True)
    sshd = serve(f'ForceCommand env PATH={folder} busybox sh -c "exec busybox $SSH_ORIGINAL_COMMAND"')
    (folder / "busybox").symlink_to(str(shutil.which("busybox")))
    status, said, errors = run(sshd, tools_script())
    assert (status, errors) == (0, "")
    missing = {line.partition("\t")[2] for line in said.splitlines()}
    assert "systemctl" in missing and missing < set(required_tools())
