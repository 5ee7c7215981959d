"""Lines with a secret are taken out of what a node prints."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nodestate import UNKNOWN, File, NodeState, Secret
from provider.scrub import REPLACEMENT, Scrubber
from provider.ssh import SshPool, SshSession
from tests.unit.provider.inputs import inputs

KEY = Secret("-----BEGIN KEY-----\n  MHcCAQEEIB\nshort\n-----END KEY-----\n")
STATE = NodeState(files={"/key": File(KEY), "/later": File(Secret(UNKNOWN)), "/public": File("public text\n")})


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("", ""),
        ("nothing to hide\n", "nothing to hide\n"),
        ("one\nkey is MHcCAQEEIB!\ntwo", f"one\n{REPLACEMENT}\ntwo"),
        ("MHcCAQEEIB\n-----END KEY-----", f"{REPLACEMENT}\n{REPLACEMENT}"),
        ("short words stay", "short words stay"),
        ("public text stays", "public text stays"),
    ],
)
def test_scrubber_takes_out_lines_with_a_secret(text: str, scrubbed: str) -> None:
    assert Scrubber([STATE]).scrub(text) == scrubbed


class Connected:
    """An SSH connection whose every script prints the same."""

    async def run(self, command: str, **_: Any) -> Any:
        class Done:
            returncode, stdout, stderr = 1, "out MHcCAQEEIB\nend\n", "err MHcCAQEEIB\nend\n"

        return Done()


def test_ssh_session_hides_the_secrets_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(_: SshSession) -> Connected:
        return Connected()

    async def scene() -> Any:
        return await SshPool().session("n1", inputs({}).connection).run("act", "true\n", hiding=[STATE])

    monkeypatch.setattr(SshSession, "_connect", connect)
    result = asyncio.run(scene())
    assert "MHcCAQEEIB" in result.report, "the raw report is for parsing"
    for text in (result.stdout, result.stderr, result.failure, repr(result)):
        assert REPLACEMENT in text
        assert "MHcCAQEEIB" not in text
