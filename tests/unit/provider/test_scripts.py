"""The scripts of an update: valid sh, arguments quoted, named variables seen by the functions they are for."""

from __future__ import annotations

import subprocess

import pytest

from nodestate import Directory, Download, File, Probe, Readiness, Secret
from provider.remote import download, scripts, units
from provider.remote.scripts import Commit
from provider.remote.shell import call, user_script, whole

FILES = {
    "/etc/a b": File("it's\n"),
    "/etc/key": File(Secret("key\n"), mode="0600"),
    "/etc/hosts": File("lines\n", block=True),
    "/opt/tool": File(source=Download("https://one/tool", "a" * 64, "bin/tool"), mode="0755"),
}
WORK = Commit(
    files=["/etc/a b", "/opt/tool", "/etc/systemd/system/a.service"],
    blocks=["/etc/hosts"],
    restored=["/etc/former"],
    shapes={"/etc/m": File(""), "/etc/d": Directory()},
    removed=["/etc/r"],
    aside=["/etc/d/foreign"],
    directories=["/etc/gone"],
    retired=["b.service"],
    settings={"a.service": ("unmask", "enable"), "b.service": ("disable",)},
    reactions=[("restart", "a.service")],
    owned=["/etc/a b", "a.service"],
    owned_whole=["/etc/a b"],
)
SCRIPTS = {
    "stage": scripts.stage_script(FILES, {"/etc/d": Directory()}, "n1-proof", 3),
    "verify": scripts.verify_script('grep x "$(staged /etc/a b)"\n', FILES),
    "commit": scripts.commit_script("n1-proof", WORK),
    "act": scripts.act_script("restart", ["a.service"], "n1-proof"),
    "reacted": scripts.reacted_script(
        "n1-proof", "a.service", [Readiness("a.service")], {"/etc/a b": "", "/c d": "0" * 64}
    ),
    "finish": scripts.finish_script("n1-proof", ["/opt/tool"]),
    "abandon": scripts.abandon_script("n1-proof"),
    "replay": scripts.replay_script("n1-proof"),
    "owners": scripts.owners_script("n1-proof", ["/etc/a b"]),
    "delete": scripts.delete_script(
        files=["/etc/a b"],
        shared_files=["/etc/hosts"],
        directories=["/d", "/d/e"],
        retired=["a.service"],
        component="c",
    ),
    "ready": units.ready_script("a.service", None, 5),
    "probe": units.probe_script(Probe("cat /x", "1\n", "a.service"), 5),
}


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("shell", ["sh", "bash --posix"])
def test_script_is_valid_sh(name: str, shell: str) -> None:
    subprocess.run([*shell.split(), "-n"], input=SCRIPTS[name], text=True, check=True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_that_arrives_in_part_runs_nothing(name: str) -> None:
    cut = SCRIPTS[name].removesuffix("}\n")
    done = subprocess.run(["sh", "-n"], input=cut, text=True, capture_output=True, check=False)
    assert done.returncode != 0


def test_script_does_not_hold_a_secret_in_clear() -> None:
    assert "key\n'" not in SCRIPTS["stage"]
    assert "a2V5Cg==" in SCRIPTS["stage"], "it travels in base64 on standard input"


@pytest.mark.parametrize("shell", ["sh", "bash", "bash --posix"])
def test_call_hands_over_words_and_variables(shell: str) -> None:
    show = 'show() { inner "$1" "$2"; }; inner() { printf "<%s>" "$1" "$2" "$path" "$mode"; }'
    script = whole([show, call("show", "it's", "a b", path="/etc/$x", mode="")])
    done = subprocess.run(shell.split(), input=script, text=True, capture_output=True, check=True)
    assert done.stdout == "<it's><a b></etc/$x><>"


def test_user_script_ends_with_its_first_failure() -> None:
    done = subprocess.run(["sh"], input=user_script("false\necho on\n"), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_download_lines_are_parsed() -> None:
    printed = "chatter\ninstalled\t/opt/tool\tabc\nstamp\t1:2:3 4\t/opt/tool\nstamp\tshort\ninstalled\t/opt/tool\n"
    assert list(download.installed(printed)) == [("/opt/tool", "abc")]
    assert list(download.stamps(printed)) == [("/opt/tool", "1:2:3 4")]


@pytest.mark.parametrize(
    ("path", "verified"),
    [
        ("/etc/systemd/system/a.service", "/etc/systemd/system/a.service"),
        ("/etc/systemd/system/a.service.d/more.conf", "a.service"),
        ("/etc/systemd/system/a.service.d/README", None),
        ("/etc/systemd/network/a.network", None),
    ],
)
def test_verifiable_names_what_systemd_analyze_takes(path: str, verified: str | None) -> None:
    assert units.verifiable(path) == verified


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/etc/systemd/system/a.service.d/more.conf", True),
        ("/run/systemd/system/a.service.d/more.conf", True),
        ("/etc/systemd/system.control/a.service", True),
        ("/etc/systemd/network/a.network", False),
    ],
)
def test_systemd_reads_its_units_again_after_a_change_of_any_of_their_folders(path: str, read: bool) -> None:
    assert units.needs_reload([path]) == read
