"""The lab's container hosts and mirror, started in a lab with its own name."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab import parts

ROOT = Path(__file__).resolve().parents[2]
NAME = "plumbline-test"
HOSTS = {"m1": "10.78.0.11", "w1": "10.78.0.21"}
KERNEL = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class TestLab:
    """A project folder with the stack `hosts`, and the lab's commands for it."""

    __test__ = False
    path: Path

    def configure(self, hosts: dict[str, str]) -> None:
        """Write the stack file with these hosts."""
        nodes = {name: {"role": "worker", "address": address} for name, address in hosts.items()}
        config = {"plumbline:machines": {"source": "existing"}, "plumbline:nodes": nodes}
        (self.path / "Pulumi.hosts.yaml").write_text(yaml.safe_dump({"config": config}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a lab command."""
        return subprocess.Popen(
            [sys.executable, "-m", "lab", "--project", str(self.path), *arguments],
            cwd=ROOT,
            env={**os.environ, "PLUMBLINE_LAB": NAME},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a lab command, which must exit with `code`, and return its output."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=1500)
        assert process.returncode == code, printed
        return printed

    def ssh(self, host: str, command: str) -> str:
        """Run a command on a host, with the pinned host key."""
        return self.run("ssh", "hosts", host, "--", command)

    def booted(self, host: str) -> str:
        """Return the start time of the host's init, in clock ticks of the machine; it changes with each boot."""
        return self.ssh(host, "cut -d' ' -f22 /proc/1/stat").strip()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestLab]:
    lab = TestLab(tmp_path_factory.mktemp("lab"))
    lab.configure(HOSTS)
    try:
        lab.run("up", "hosts")
        yield lab
    finally:
        lab.run("down")
        assert lab.run("check-clean") == "nothing is left of the lab\n"


def test_host_boots_systemd_with_its_name_and_address(lab: TestLab) -> None:
    for name, address in HOSTS.items():
        assert lab.ssh(
            name, "hostname; systemctl is-system-running --wait; systemctl --failed --no-legend"
        ).split() == [
            name,
            "running",
        ]
        assert f"{address}/24" in lab.ssh(name, "ip -4 -br address show host0")
        assert lab.ssh(name, "sudo -n id -u") == "0\n"
    assert lab.ssh("m1", "cat /etc/machine-id") != lab.ssh("w1", "cat /etc/machine-id")


def test_host_key_mismatch_is_refused(lab: TestLab) -> None:
    known = lab.path / ".lab/ssh/known_hosts"
    pinned = known.read_text()
    lines = pinned.splitlines()
    swapped = [
        f"{one.split(' ', 1)[0]} {other.split(' ', 1)[1]}" for one, other in zip(lines, reversed(lines), strict=True)
    ]
    assert lab.ssh("m1", "echo reached") == "reached\n"
    known.write_text("\n".join(swapped) + "\n")
    try:
        assert "Host key verification failed" in lab.run("ssh", "hosts", "m1", "--", "echo reached", code=255)
    finally:
        known.write_text(pinned)


def test_private_keys_are_readable_by_owner_only(lab: TestLab) -> None:
    for key in (lab.path / ".lab/ssh/id_ed25519", lab.path / ".lab/hosts/m1/ssh_host_ed25519_key"):
        assert key.stat().st_mode & 0o777 == 0o600
    assert lab.ssh("m1", "stat -c '%a %U' /etc/ssh/ssh_host_ed25519_key") == "600 root\n"


def test_mirror_serves_every_artifact_with_its_checksum(lab: TestLab) -> None:
    sums = (lab.path / ".lab/mirror/SHA256SUMS").read_text()
    names = [line.split("  ")[1] for line in sums.splitlines()]
    assert f"kubernetes/v{parts.KUBERNETES}/kubelet" in names
    assert lab.ssh("w1", "curl -fsS http://10.78.0.1:8080/SHA256SUMS") == sums
    for line in sums.splitlines():
        digest, name = line.split("  ")
        fetched = lab.ssh("w1", f"curl -fsS http://10.78.0.1:8080/{name} | sha256sum").split()[0]
        assert fetched == digest, name
        assert hashlib.sha256((lab.path / ".lab/mirror" / name).read_bytes()).hexdigest() == digest


def test_programs_print_their_versions(lab: TestLab) -> None:
    mirror = lab.path / ".lab/mirror"
    for program, version in (
        (f"kubernetes/v{parts.KUBERNETES}/kubelet", f"Kubernetes v{parts.KUBERNETES}"),
        (
            f"containerd/v{parts.CONTAINERD}/containerd",
            f"containerd github.com/containerd/containerd/v2 {parts.CONTAINERD}",
        ),
        (f"runc/v{parts.RUNC}/runc", f"runc version {parts.RUNC}"),
    ):
        printed = subprocess.run([mirror / program, "--version"], check=True, capture_output=True, text=True).stdout
        assert printed.startswith(version), printed


def test_host_cannot_reach_outside(lab: TestLab) -> None:
    assert "ping-ed" in lab.ssh("m1", "ping -c1 -W2 10.78.0.21 >/dev/null && echo ping-ed")
    # The namespace has no route out and refuses at once, without a timeout.
    assert lab.ssh("m1", "timeout 5 curl -sS -m 5 http://192.0.2.1/ 2>&1; echo $?").endswith("7\n")
    assert lab.ssh("m1", "timeout 5 getent hosts registry.example; echo $?") == "2\n"


def test_host_cannot_change_kernel_settings_of_the_machine(lab: TestLab) -> None:
    before = [Path("/proc/sys", name).read_text() for name in KERNEL]
    lab.ssh("m1", "for name in " + " ".join(KERNEL) + "; do echo 1 | sudo tee /proc/sys/$name; done")
    assert [Path("/proc/sys", name).read_text() for name in KERNEL] == before
    assert "ip_forward = 1" in lab.ssh("m1", "sudo sysctl net.ipv4.ip_forward=1")


def test_up_is_idempotent(lab: TestLab) -> None:
    before = {name: lab.booted(name) for name in HOSTS}
    assert lab.run("up", "hosts") == ""
    assert {name: lab.booted(name) for name in HOSTS} == before


def test_host_can_reboot(lab: TestLab) -> None:
    before, other = lab.booted("w1"), lab.booted("m1")
    lab.ssh("w1", "sudo touch /var/lib/kubelet/kept; sudo systemd-run --quiet --on-active=0 systemctl reboot")
    again = f"test $(cut -d' ' -f22 /proc/1/stat) != {before}"
    _wait("w1 is up again", lambda: lab.start("ssh", "hosts", "w1", "--", again).wait(timeout=60) == 0)
    assert lab.ssh("w1", "ls /var/lib/kubelet") == "kept\n"
    assert lab.booted("m1") == other


def test_up_restarts_a_killed_host_with_its_files(lab: TestLab) -> None:
    lab.ssh("w1", "echo mine | sudo tee /etc/mine")
    before, other = lab.booted("w1"), lab.booted("m1")
    os.kill(int((lab.path / ".lab/hosts/w1/pid").read_text()), signal.SIGKILL)
    assert "w1: up after" in lab.run("up", "hosts")
    assert lab.ssh("w1", "cat /etc/mine") == "mine\n"
    assert lab.booted("w1") != before
    assert lab.booted("m1") == other


def test_up_adds_and_removes_hosts_of_the_stack(lab: TestLab) -> None:
    before = {name: lab.booted(name) for name in HOSTS}
    lab.configure({**HOSTS, "w2": "10.78.0.22"})
    assert "w2: up after" in lab.run("host-add", "hosts")
    assert lab.ssh("w2", "hostname") == "w2\n"
    lab.configure(HOSTS)
    assert "host w2 is no longer in the stack" in lab.run("up", "hosts")
    assert not (lab.path / ".lab/hosts/w2").exists()
    assert "w2" not in lab.run("check-clean", code=1)
    assert {name: lab.booted(name) for name in HOSTS} == before


def test_lab_of_another_project_is_refused(lab: TestLab, tmp_path: Path) -> None:
    other = TestLab(tmp_path)
    other.configure(HOSTS)
    assert f"the lab of {lab.path} is running on this machine" in other.run("up", "hosts", code=1)
    assert f"the lab of {lab.path} is running on this machine" in other.run("down", code=1)
    assert lab.ssh("m1", "echo still") == "still\n"


def test_check_clean_lists_leftovers_and_down_names_foreign_processes(lab: TestLab) -> None:
    found = lab.run("check-clean", code=1)
    for kind in ("process ", "control group ", f"network namespace {NAME}", "file "):
        assert kind in found, found
    shell = lab.start("exec", "--", "sleep", "600")
    try:
        _wait(
            "a command runs in the namespace",
            lambda: f"process {shell.pid}: sleep 600" in lab.run("check-clean", code=1),
        )
        assert f"process {shell.pid}: sleep 600. Stop them" in lab.run("down", code=1)
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()
    lab.run("down")
    assert lab.run("check-clean") == "nothing is left of the lab\n"


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2, 2.0, 3.5])
def test_killed_up_can_be_repeated_or_stopped(lab: TestLab, seconds: float) -> None:
    for after in ("up", "down"):
        process = lab.start("up", "hosts")
        # The time of the kill is the parameter of the test, not a wait.
        time.sleep(seconds)
        process.kill()
        process.communicate()
        if after == "up":
            lab.run("up", "hosts")
            assert lab.ssh("w1", "hostname") == "w1\n"
        lab.run("down")
        assert lab.run("check-clean") == "nothing is left of the lab\n"


def _wait(what: str, probe: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
