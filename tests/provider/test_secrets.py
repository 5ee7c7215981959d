"""Secrets and chatter in whole runs: neither hides a failure, and no failure shows a secret."""

from __future__ import annotations

import re
import time

import pytest
from pulumi import automation

from tests.provider.conftest import MARKER, Bench, Secret
from tests.provider.container import Container
from tests.provider.service import FILE, PROGRAM, SERVICE, UNIT, said, serve

OLD, NEW, NESTED = "OldS3cretValue123", "NewS3cretValue789", "NestedS3cretValue456"


def errors(printed: str) -> str:
    return "\n".join(line for line in printed.splitlines() if "n1:" in line or line.startswith("    "))


def test_failed_change_shows_neither_former_nor_current_secrets(remote: Bench, systemd: Container) -> None:
    """E7, with a journal that is no UTF-8 (E2): everything is put back, and the reason is shown."""
    serve(remote)
    remote.text("key", Secret(f"password={OLD}\nsecret: {NESTED}\n"), mode="0600")
    remote.up()
    remote.text("key", Secret(f"password={NEW}\n"), mode="0600")
    shown = f"echo 'the reason is shown'; printf 'caf\\351 \\377\\n'; for one in {OLD} {NEW} {NESTED}; do echo \"tried $one\"; done"
    encoded = f"printf 'x%s' {NEW} | base64; printf %s {OLD} | base64"
    remote.text("server", PROGRAM.replace('echo "bad word', f'{shown}; {encoded}; echo "bad word'), mode="0755")
    remote.text("server.conf", "WORD=broken\n")
    failure = remote.fails()
    assert "the reason is shown" in failure and "caf\ufffd" in failure
    told = errors(failure)
    assert "the previous files were put back and proof.service restarted" in told
    assert "tried (" not in told and "(a line with a secret)" in told
    for secret in (OLD, NEW, NESTED):
        assert f"tried {secret}" not in failure
    assert "T2xkUzNjcmV0" not in failure, "base64 of the former one"
    assert said(systemd) == "one"


def test_secret_is_hidden_before_the_output_is_cut(remote: Bench, systemd: Container) -> None:
    """E7b."""
    serve(remote)
    remote.text("key", Secret("Z9" * 150 + "\n"), mode="0600")
    script = "cat /etc/proof/key >&2; printf '%0300d' 0 >&2; exit 1\n"
    remote.extra["preStart"] = [{"unit": UNIT, "script": script}]
    remote.text("server.conf", "WORD=two\n")
    failure = remote.fails()
    assert "its pre-start hook failed: (a line with a secret)\n000" in re.sub(r"\n\s+", "\n", failure)
    assert "Z9Z9" not in failure
    del remote.extra["preStart"]


def test_secret_block_is_refused(bench: Bench) -> None:
    """E6."""
    path = str(bench.target / "hosts")
    bench.files[path] = {"content": Secret("token=Very-Secret-Token-1\n"), "block": True}
    failure = bench.fails()
    assert f'files["{path}"].content is a secret: the lines of a block are read back and shown' in failure
    assert "Very-Secret" not in failure and not (bench.target / "hosts").exists()


def test_secret_pasted_into_a_public_file_is_not_shown(bench: Bench) -> None:
    bench.text("key", Secret(f"password={MARKER}-key\n"), mode="0600")
    bench.text("public", "one\n")
    bench.up()
    bench.file("public").write_text(f"two\npassword={MARKER}-key\n")
    shown = bench.preview()
    assert "two" in shown and "(a line with a secret)" in shown
    bench.up(refresh=True)
    assert bench.file("public").read_text() == "one\n"
    assert MARKER not in shown + bench.state() + "\n".join(bench.printed)


def test_warning_of_sudo_is_harmless(remote: Bench, systemd: Container) -> None:
    """E3, case 3: a commit that systemd refuses is put back, although sudo warns each time."""
    serve(remote)
    systemd.run(
        "cp /etc/hosts /run/hosts.kept; cp /etc/nsswitch.conf /run/nss.kept; hostname nowhere\n"
        "echo '127.0.0.1 localhost' >/etc/hosts; sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf"
    )
    try:
        remote.files[FILE]["content"] = SERVICE.replace("Restart=always", "Restrat=always")
        remote.text("server.conf", "WORD=two\n")
        failure = remote.fails()
    finally:
        systemd.run("cat /run/hosts.kept >/etc/hosts; cp /run/nss.kept /etc/nsswitch.conf; hostname n1")
    assert "the new files were refused" in failure and "Restrat" in failure
    assert "the previous files were put back" in failure and "unable to resolve host" not in failure
    assert systemd.run("cat /etc/proof/server.conf") == "WORD=one\n"


def test_sudo_that_refuses_is_quoted(remote: Bench, systemd: Container) -> None:
    """Case 3."""
    serve(remote)
    folder = systemd.run("ls /etc/sudoers.d; grep -rl core /etc/sudoers /etc/sudoers.d || true")
    systemd.run(
        "mkdir -p /run/sudoers.kept; cp -a /etc/sudoers /etc/sudoers.d /run/sudoers.kept/\n"
        "systemd-run --quiet --on-active=25 sh -c 'cp -a /run/sudoers.kept/. /etc/'\n"
        "rm -f /etc/sudoers.d/*; sed -i '/core/d;/%sudo/d' /etc/sudoers"
    )
    remote.text("server.conf", "WORD=two\n")
    with pytest.raises(automation.CommandError) as raised:
        remote.stack.up(color="never")
    assert "n1: cannot be worked on: core gets no root shell (ended with 1, said: " in str(raised.value), folder
    assert "allow it sudo without a password in /etc/sudoers.d" in str(raised.value)
    deadline = time.monotonic() + 60
    while True:
        try:
            systemd.run("true")
            break
        except AssertionError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def test_readiness_asks_no_proxy(remote: Bench, systemd: Container) -> None:
    """Case 13."""
    systemd.run(
        "cp /etc/environment /run/environment.kept 2>/dev/null || : >/run/environment.kept\n"
        "echo 'http_proxy=http://127.0.0.1:9' >>/etc/environment\n"
        "echo 'Defaults env_keep += \"http_proxy\"' >/etc/sudoers.d/proxy"
    )
    try:
        assert systemd.run("printenv http_proxy") == "http://127.0.0.1:9\n"
        serve(remote)
    finally:
        systemd.run("cat /run/environment.kept >/etc/environment; rm /etc/sudoers.d/proxy")
