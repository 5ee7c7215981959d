"""A whole cluster behind bastions: an encrypted key, sudo with a password, nodes that only the last bastion may log in to."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from builder.cache import locked
from lab.context import Lab
from tests.e2e.captured import check_captured
from tests.e2e.harness import SUITE_LOCK, Project, counts
from tests.e2e.site import bastions
from tests.e2e.site.bastions import Bastion

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
USER = "deployer"
PASSPHRASE = "s3cret-Passphrase-0815"
PASSWORD = "s3cret-Password-4711"
ADDRESSES = {"edge": "10.78.0.2", "inner": "10.78.0.3"}
LOGIN = ".lab/way/login"
SSHD = f"""AllowTcpForwarding no
MaxSessions 2
AllowUsers {USER}@{ADDRESSES["inner"]} core
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One control-plane node and a worker; the lab runs, and the stack is not created yet."""
    project = Project.copy(tmp_path_factory.mktemp("site") / "plumbline", "hosts")
    file = project.path / "Pulumi.hosts.yaml"
    stack = yaml.safe_load(file.read_text())
    for name in ("m2", "m3"):
        del stack["config"]["plumbline:nodes"][name]
    stack["config"]["plumbline:machines"]["ssh"] = {"user": USER, "privateKeyFile": LOGIN}
    file.write_text(yaml.safe_dump(stack))
    with locked(project.path / SUITE_LOCK):
        try:
            project.lab("up", "hosts")
            yield project
        finally:
            project.lab("down", check=False)


@pytest.fixture(scope="module")
def ways(project: Project) -> Iterator[dict[str, Bastion]]:
    """The two bastions. Each node has a user that may use sudo with its password, and log in from the inner one only."""
    key = project.path / LOGIN
    key.parent.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text()
    for name in ("m1", "w1"):
        on(
            project,
            name,
            f"useradd --create-home --shell /bin/bash {USER}; echo '{USER}:{PASSWORD}' | chpasswd\n"
            f"mkdir /home/{USER}/.ssh; echo '{public.strip()}' >/home/{USER}/.ssh/authorized_keys\n"
            f"chown -R {USER}: /home/{USER}; echo '{USER} ALL=(ALL) ALL' >/etc/sudoers.d/{USER}\n"
            f"printf %s {shlex.quote(SSHD)} >/etc/ssh/sshd_config.d/site.conf; systemctl restart ssh",
        )
    with bastions.running(Lab.of(project.path), ADDRESSES, key.with_suffix(".pub")) as started:
        project.pulumi("stack", "init")
        for secret, value in (("privateKeyPassphrase", PASSPHRASE), ("sudoPassword", PASSWORD)):
            project.pulumi("config", "set", "--secret", "--path", f"plumbline:machines.ssh.{secret}", value)
        project.printed.clear()  # these two commands have the secrets as arguments
        through(project, started["inner"])
        yield started


def on(project: Project, node: str, script: str) -> str:
    """The output of a script that the lab's own user runs as root on a node. sudo logs command lines: it is in none."""
    return project.lab("ssh", "hosts", node, "--", "sudo sh -eu", stdin=script)


def through(project: Project, *way: Bastion) -> None:
    """Sets the bastions of all nodes."""
    for index, one in enumerate(way):
        for key, value in (("host", one.address), ("user", "root"), ("hostKey", one.host_key)):
            project.set(f"machines.ssh.bastions[{index}].{key}", value)


def test_up_through_a_bastion(project: Project, ways: dict[str, Bastion]) -> None:
    printed = project.run("make", "--no-print-directory", "doctor", "NODES=1", "STACK=hosts")
    assert "nothing is missing" in printed
    check_captured("bastion-doctor", printed)
    project.make("up")
    table = project.make("status")
    assert len(re.findall(r"^(?:m1|w1) .* active ", table, re.MULTILINE)) == 2
    assert ways["inner"].logins(), "the bastion was used"
    for name in ("m1", "w1"):
        accepted = on(project, name, f"journalctl -q --no-pager -u ssh | grep 'Accepted [p]ublickey for {USER} from'")
        assert {line.partition(" from ")[2].split()[0] for line in accepted.splitlines()} == {ADDRESSES["inner"]}


def test_second_up_changes_nothing(project: Project) -> None:
    project.operations()
    printed = project.pulumi("up", "--yes")
    assert counts(printed).keys() == {"unchanged"}, printed
    assert sum(one["writes"] for one in project.operations()) == 0


def test_drift_is_repaired_through_a_chain_of_two(project: Project, ways: dict[str, Bastion]) -> None:
    """Another way is a change of connections, and of nothing on the nodes."""
    through(project, ways["edge"], ways["inner"])
    preview = project.pulumi("preview", "--diff")
    assert "will restart" not in preview
    before = len(ways["edge"].logins())
    on(project, "w1", "sed -i 's/^maxPods: .*/maxPods: 13/' /etc/kubernetes/kubelet.yaml")
    report = project.make("preview")
    assert "maxPods: 13" in report
    check_captured("bastion-drift", report)
    project.pulumi("up", "--yes")
    assert on(project, "w1", "grep maxPods /etc/kubernetes/kubelet.yaml") == "maxPods: 110\n"
    assert len(ways["edge"].logins()) > before
    assert ways["inner"].logins()[-1] == ADDRESSES["edge"], "the inner bastion is reached through the other one"
    assert counts(project.pulumi("up", "--yes")).keys() == {"unchanged"}


def test_wrong_host_key_of_a_bastion_is_refused_by_name(project: Project, ways: dict[str, Bastion]) -> None:
    project.set("machines.ssh.bastions[1].hostKey", ways["edge"].host_key)
    project.set("nodes.w1.kubelet.maxPods", "77")
    failed = project.pulumi("up", "--yes", "--refresh=false", check=False)
    assert "error" in failed
    message = (
        f"w1: the host key of bastion {ADDRESSES['inner']}:22 is not the pinned one: another machine answers there"
    )
    assert message in failed
    check_captured("bastion-host-key", failed)
    assert on(project, "w1", "grep maxPods /etc/kubernetes/kubelet.yaml") == "maxPods: 110\n"
    project.unset("nodes.w1.kubelet.maxPods")
    through(project, ways["edge"], ways["inner"])


def test_wrong_passphrase_and_password_are_named(project: Project) -> None:
    file = project.path / "Pulumi.hosts.yaml"
    kept = file.read_text()
    for key, message in (
        ("privateKeyPassphrase", "machines.ssh.privateKeyPassphrase: login is not opened by privateKeyPassphrase"),
        ("sudoPassword", f"w1: sudo refuses the password of {USER}: set sudoPassword to that user's password on w1"),
    ):
        project.pulumi("config", "set", "--secret", "--path", f"plumbline:machines.ssh.{key}", "s3cret-Wrong-1234")
        project.printed.pop()
        project.set("nodes.w1.kubelet.maxPods", "78")
        failed = project.pulumi("up", "--yes", "--refresh=false", check=False)
        assert message in failed
        check_captured(f"bastion-{key}", failed)
        file.write_text(kept)


def test_no_secret_is_anywhere(project: Project) -> None:
    """After the runs above: in all that was printed, the state, the stack's file, the logs of the nodes and the folder."""
    project.pulumi("up", "--yes")
    body = (project.path / LOGIN).read_text().splitlines()[1]
    state = project.exported()
    key = subprocess.run(
        ["ssh-keygen", "-y", "-P", PASSPHRASE, "-f", str(project.path / LOGIN)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert key.stdout.split()[1] not in state, "not even the public key is stored"
    places = {
        "printed": "\n".join(project.printed),
        "state": state,
        **{str(file.relative_to(project.path)): file.read_text(errors="replace") for file in _files(project.path)},
        **{
            name: on(project, name, "journalctl -q --no-pager; cat /var/log/*.log 2>/dev/null || true")
            for name in ("m1", "w1")
        },
    }
    for place, text in places.items():
        for secret in (PASSPHRASE, PASSWORD, "PRIVATE KEY-----\nMC4CAQ"):
            assert secret not in text, place
        assert body not in text or place == LOGIN, place
    control = json.loads(project.secret_output("stack", "export"))
    assert PASSWORD in json.dumps(control), "the search finds what is there"


def test_destroy_through_the_chain(project: Project) -> None:
    project.pulumi("destroy", "--yes")
    for name in ("m1", "w1"):
        assert on(project, name, "ls /etc/kubernetes /var/lib/plumbline 2>/dev/null || true") == ""
        assert on(project, name, "systemctl is-active kubelet.service || true").strip() != "active"


def _files(folder: Path) -> Iterator[Path]:
    for top in (folder / ".lab" / "state", folder / "plans"):
        yield from (one for one in top.rglob("*") if one.is_file())
    yield folder / "Pulumi.hosts.yaml"
    yield from (folder / ".lab").glob("*.*")
