"""The output of a node is filtered before it is cut: by value, by pieces of a value, in base64, former secrets too."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import operator
from pathlib import Path
from typing import Any

import pytest

import provider
from nodestate import UNKNOWN, File, NodeState, Secret
from provider.scrub import REPLACEMENT, Filtered, Scrubber, Unfiltered, ending, indented
from provider.ssh import Result, SshPool, SshSession
from tests.unit.provider.inputs import inputs, observed

KEY = Secret("-----BEGIN KEY-----\n  MHcCAQEEIBxyz0123\nshort\n-----END KEY-----\n")
VALUES = Secret(
    "user: admin-of-all\npassword=OldS3cretValue123\nnested: {token: NestedS3cret, ttl: 5}\n"
    'url: "https://bob:Urls3cret99@example.org/x"\nphrase: correct horse battery\npadded: QUJDREVGR0g=\n'
)
STATE = NodeState(
    files={
        "/key": File(KEY),
        "/values": File(VALUES),
        "/later": File(Secret(UNKNOWN)),
        "/etc/kubernetes/config": File("name: kubernetes\nserver: https://10.0.0.1:6443\n"),
        "/kubeconfig": File(Secret("server: https://10.0.0.1:6443\ncluster: kubernetes\nkey: aVerySecretKey\n")),
    }
)


def encoded(text: str, before: str = "", after: str = "") -> str:
    return base64.b64encode(f"{before}{text}{after}".encode()).decode()


@pytest.mark.parametrize(
    "line",
    [
        "key is MHcCAQEEIBxyz0123!",
        "-----END KEY-----",
        "login failed with OldS3cretValue123 / x",
        '{"token":"NestedS3cret"}',
        "bob:Urls3cret99",
        "said 'correct horse battery'",
        "QUJDREVGR0g",
        # Cut by the program that printed it, at either end.
        "MHcCAQEEIBxy",
        "cretValue123 is wrong",
        # In base64, alone and inside other text.
        encoded("OldS3cretValue123"),
        encoded("OldS3cretValue123", "a", "b"),
        encoded("OldS3cretValue123", "ab", "c"),
        encoded("NestedS3cret"),
        encoded("NestedS3cret", "x"),
        encoded("NestedS3cret", "xy", "zzz"),
        encoded(VALUES.reveal())[37:60],
        base64.urlsafe_b64encode(KEY.reveal().encode()).decode()[30:50],
    ],
)
def test_scrubber_hides_lines_with_a_secret(line: str) -> None:
    scrubbed = Scrubber([STATE]).scrub(f"before\n{line}\nafter")
    assert scrubbed == f"before\n{REPLACEMENT}\nafter"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing to hide\n",
        "a short word\r\n\nand an empty line",
        "password= is a key, not a value",
        # Public elsewhere in the inputs.
        "connecting to https://10.0.0.1:6443 of kubernetes: /etc/kubernetes/config",
        encoded("nothing to hide, at any length"),
    ],
)
def test_scrubber_keeps_what_is_public(text: str) -> None:
    assert Scrubber([STATE]).scrub(text) == text


def test_scrubber_keeps_former_secrets_and_private_keys_hidden() -> None:
    old = observed({"files": {"/key": {"content": Secret("FormerS3cret")}, "/public": {"content": "PastedS3cret"}}})
    new = inputs({"files": {"/key": {"content": Secret("CurrentS3cret\nPastedS3cret")}}})
    scrubber = Scrubber([new])
    scrubber.add([old])
    for secret in ("FormerS3cret", "CurrentS3cret", "a private key"):
        assert scrubber.scrub(f"it is {secret}") == REPLACEMENT
    assert scrubber.scrub("PastedS3cret") == REPLACEMENT, "a secret found in a public file on the node stays one"


def test_scrubber_finds_urlsafe_base64() -> None:
    secret = "".join(chr(0xE0 + one % 32) for one in range(0, 90, 7))
    state = NodeState(files={"/key": File(Secret(secret))})
    encoded_safely = base64.urlsafe_b64encode(secret.encode()).decode()
    assert "-" in encoded_safely or "_" in encoded_safely
    assert Scrubber([state]).scrub(encoded_safely) == REPLACEMENT


def test_output_is_cut_after_it_was_filtered() -> None:
    secret = "Z9" * 150
    state = NodeState(files={"/key": File(Secret(f"{secret}\n"))})
    printed = f"{secret}\n{'0' * 300}"
    result = Result(1, Unfiltered(printed), printed, printed, Scrubber([state]).scrub)
    assert "Z9" not in result.failure and result.failure.endswith("0" * 300)
    assert ending(Filtered("x" * 600)) == f"...{'x' * 500}"
    assert indented(Filtered("ab\ncd"), 1) == "  a\n  c"


def test_unfiltered_output_is_only_parsed() -> None:
    raw = Unfiltered('{"a": "the secret"}')
    assert json.loads(raw) == {"a": "the secret"}
    assert raw.splitlines() == ['{"a": "the secret"}']
    for shown in (f"{raw}", str(raw), repr(raw), "%s" % raw, "{}".format(raw)):  # noqa: UP031, UP032
        assert shown == "(unfiltered output)"
    for cut in (operator.itemgetter(slice(3)), lambda text: text + "x", lambda text: "x" + text):
        with pytest.raises(TypeError):
            cut(raw)


def test_only_scrub_cuts_text() -> None:
    """A constant bound of more than a few characters is a cut of a message; a short one takes a part of a protocol."""
    found = []
    for file in Path(provider.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Slice) and file.name != "scrub.py":
                bounds = [
                    one.value
                    for end in (node.lower, node.upper)
                    if end
                    for one in ast.walk(end)
                    if isinstance(one, ast.Constant)
                ]
                found += [f"{file.name}:{node.lineno}" for bound in bounds if isinstance(bound, int) and bound > 20]
    assert found == [], "use ending() or indented() of provider/scrub.py"


class Process:
    """A script that prints a secret on both streams, after chatter."""

    def __init__(self, command: str, **_: Any) -> None:
        token = command.split()[-1]
        self.streams = tuple(
            f"chatter\nbegun-{token}\n{name} MHcCAQEEIBxyz0123\nend\n".encode() for name in ("out", "err")
        )
        self.exit_status, self.exit_signal = 1, None

    async def communicate(self) -> tuple[bytes, ...]:
        return self.streams

    def close(self) -> None:
        return


class Connected:
    async def create_process(self, command: str, **_: Any) -> Process:
        return Process(command)


def test_ssh_session_hides_the_secrets_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(_: SshSession) -> Connected:
        return Connected()

    async def scene() -> Result:
        return await SshPool().session("n1", inputs({}).connection).run("act", "true\n", hiding=[STATE])

    monkeypatch.setattr(SshSession, "_connect", connect)
    result = asyncio.run(scene())
    assert "MHcCAQEEIBxyz0123" in result.report, "the raw report is for parsing"
    for text in (result.stdout, result.stderr, result.failure, repr(result)):
        assert REPLACEMENT in text
        assert "MHcCAQEEIBxyz0123" not in text and "chatter" not in text


def test_piece_of_a_script_hides_no_line() -> None:
    """A registry's address in a secret file begins like the addresses of nodes, which commands print for the program to parse."""
    registry = Secret('[host."https://10.78.0.1:5443".header]\nAuthorization = "Basic cHVsbGVyOnMzY3JldC1QYXNz"\n')
    printed = '[{"Endpoint":"https://10.78.0.11:2379"}]'
    alone = NodeState(files={"/hosts.toml": File(registry)})
    assert Scrubber([alone]).scrub(printed) == REPLACEMENT
    script = "etcdctl --endpoints https://10.78.0.11:2379 endpoint status"
    pasted = Scrubber([alone, NodeState(files={"/etc/a-file-of-a-user": File(script)})])
    assert pasted.scrub(printed) == REPLACEMENT, "a file may hold a secret that somebody has pasted there"
    scrubber = Scrubber([alone])
    scrubber.add_script(script)
    assert scrubber.scrub(printed) == printed
    assert scrubber.scrub("Basic cHVsbGVyOnMz") == REPLACEMENT
