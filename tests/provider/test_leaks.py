"""A small leak check: what a run prints and stores, searched for every secret in clear and in base64. The whole: `make leak-check`."""

from __future__ import annotations

from tests.chaos import needles
from tests.chaos.leaks import QUIET, TELLS
from tests.chaos.needles import Haystack
from tests.provider.conftest import Bench, Secret
from tests.provider.container import Container

UNIT = "leaks.service"
FILE = f"/etc/systemd/system/{UNIT}"


def _want(remote: Bench, secrets: dict[str, str], program: str) -> None:
    for index, secret in enumerate(secrets.values()):
        remote.text(f"secret-{index}", Secret(secret), mode="0600")
    remote.text("server", program.replace("/etc/leaks", "/etc/proof"), mode="0755")
    unit = "[Service]\nExecStart=/etc/proof/server\nRestart=always\n[Install]\nWantedBy=multi-user.target\n"
    remote.files[FILE] = {"content": unit, "owner": "root", "group": "root", "mode": "0644"}
    remote.extra = {
        "units": {UNIT: {"enabled": True, "active": True}},
        "reactions": [{"unit": UNIT, "action": "restart", "files": ["/etc/proof/server", FILE]}],
        "readiness": [{"unit": UNIT, "timeout": 5, **({"http": "http://127.0.0.1:1/"} if program == TELLS else {})}],
    }


def _haystack(remote: Bench, failure: str) -> Haystack:
    found = Haystack()
    found.add("printed", "\n".join(remote.printed))
    found.add("error", failure)
    found.add("state", remote.state())
    found.add("trace", remote.trace.read_text())
    return found


def test_no_secret_is_printed_or_stored(remote: Bench, systemd: Container) -> None:
    first, second = needles.make(1), needles.make(2)
    _want(remote, first, QUIET)
    remote.up()
    _want(remote, second, TELLS)
    remote.preview()
    failure = remote.fails()
    assert "not ready" in failure
    assert "(a line with a secret)" in failure
    assert _haystack(remote, failure).leaks(first | second) == []


def test_planted_secret_is_found(remote: Bench, systemd: Container) -> None:
    secrets = needles.make(1)
    _want(remote, secrets, QUIET)
    remote.text("public", f"x: {next(iter(secrets.values()))}")
    remote.up()
    [name] = {one.partition(" (")[0] for one in _haystack(remote, "").leaks(secrets)}
    assert name == "line 1"
