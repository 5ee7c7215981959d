"""The lab's VM image and libvirt, started in a lab with its own name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.errors import UserError
from lab import kvm, libvirtd, netns, processes, vms
from lab.context import Lab
from tests.e2e.virtual import ADDRESS, Machine, file, key, virsh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
NAME = "plumbline-vms"


def firewall() -> str:
    """Return firewall rules and interfaces of the machine's own network."""
    listed = [["iptables-save"], ["nft", "list", "ruleset"], ["ip", "-brief", "address"]]
    return "".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout for command in listed)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with libvirt running. Its folder has a space in its name, as users' folders may have."""
    lab = Lab(tmp_path_factory.mktemp("vms") / "a project", NAME)
    lab.project.mkdir()
    before = firewall()
    netns.ensure(lab)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUMBLINE_LAB", NAME)
        try:
            vms.up(lab.project, {})
            yield lab
        finally:
            vms.down(lab.project)
            netns.remove(lab)
    assert firewall() == before


@pytest.fixture(scope="module")
def machine(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A VM after its first boot."""
    machine = Machine(lab, tmp_path_factory.mktemp("vm1"), "vm1", kvm.domain_type(lab))
    machine.start(machine.ignition())
    try:
        print(f"SSH after {machine.wait():.0f} s")
        yield machine
    finally:
        virsh("destroy", machine.name, check=False)


def test_vm_is_configured_by_ignition(machine: Machine) -> None:
    assert machine.run("hostname") == "vm1"
    assert f"{ADDRESS}/24" in machine.run("ip -brief address show dev eth0")
    assert machine.run("sudo -n id -u") == "0"
    assert machine.run("systemctl is-system-running --wait") == "running"


def test_image_has_no_container_runtime_and_no_host_key(machine: Machine) -> None:
    assert machine.run("ls /etc/ssh/ssh_host_*") == "/etc/ssh/ssh_host_ed25519_key"
    found = machine.ssh("command -v containerd runc kubelet docker").stdout
    assert found == ""


def test_host_key_mismatch_is_refused(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"{ADDRESS} {key(tmp_path / 'other')}\n")
    done = machine.ssh("true", known=tmp_path / "known")
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_file_system_is_grown_to_the_disk(machine: Machine) -> None:
    gib = int(machine.run("df --block-size=1M --output=size / | tail -n 1")) / 1024
    assert machine.disk_gib - 0.5 < gib <= machine.disk_gib


def test_ignition_config_is_not_readable_by_users(machine: Machine) -> None:
    path = "/sys/firmware/qemu_fw_cfg/by_name/opt/com.coreos/config/raw"
    assert machine.ssh(f"cat {path}").returncode != 0
    assert machine.run("sudo find /run -name 'ignition*'") == ""


def test_ignition_runs_on_first_boot_only(machine: Machine) -> None:
    booted = machine.run("cat /proc/sys/kernel/random/boot_id")
    machine.run("echo renamed | sudo tee /etc/hostname")
    machine.ssh("sudo systemctl reboot")
    deadline = time.monotonic() + 400
    while machine.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip() in ("", booted):
        assert time.monotonic() < deadline, f"not back within 400 s:\n{machine.console.read_text()[-3000:]}"
        time.sleep(2)
    assert machine.run("hostname") == "renamed"
    assert machine.run("findmnt --noheadings --output OPTIONS /").startswith("rw")


def test_restarted_libvirtd_finds_running_vms(lab: Lab, machine: Machine) -> None:
    for name in ("libvirtd", "virtlogd"):
        pid = processes.running(lab.state / "libvirt" / f"{name}.pid")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        processes.end(pid, 10)
    assert libvirtd.owner(lab) is libvirtd.Owner.NONE
    libvirtd.ensure(lab)
    assert virsh("list", "--name") == machine.name


def test_vm_powers_off_on_acpi_shutdown(machine: Machine) -> None:
    virsh("shutdown", machine.name, "--mode", "acpi")
    machine.wait_powered_off()


def test_failed_ignition_stops_the_boot_and_is_not_printed(lab: Lab, tmp_path: Path) -> None:
    broken = Machine(lab, tmp_path, "broken", kvm.domain_type(lab))
    ignition = broken.ignition()
    ignition["storage"]["files"] += [file("/etc/x", "x"), file("/etc/x/y", "a file below a file")]
    broken.start(ignition)
    broken.wait_powered_off()
    console = broken.console.read_text()
    assert "initrd: Ignition failed in stage files; powering off" in console
    assert "PRIVATE" not in console


def test_libvirt_of_another_lab_is_refused(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another lab's libvirt answers"):
        libvirtd.ensure(Lab(tmp_path, "plumbline-other"))


def test_down_removes_everything(lab: Lab, tmp_path: Path) -> None:
    last = Machine(lab, tmp_path, "last", kvm.domain_type(lab))
    last.start(last.ignition())
    running = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in libvirtd.helpers(lab)}
    assert running == {"libvirtd", "virtlogd", "dnsmasq", "qemu-system-x86"}, "positive control for the checks below"
    vms.down(lab.project)
    assert libvirtd.helpers(lab) == []
    assert not libvirtd.SOCKET.exists()
    assert not libvirtd.SOCKET.is_symlink()
    assert not (lab.state / "libvirt").exists()
    vms.down(lab.project)
