"""A VM on the lab's libvirt without the Pulumi program: the image and an Ignition configuration only."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

from lab import libvirtd, netns
from lab.context import Lab

NETWORK = "probe"
ADDRESS = "10.77.0.31"
MAC = "52:54:00:00:00:31"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def virsh(*arguments: str, check: bool = True) -> str:
    """Run virsh and return its output."""
    done = subprocess.run(
        ["virsh", "-q", "-c", libvirtd.URI, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0 or not check, f"virsh {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def key(file: Path) -> str:
    """Create a key pair and return the public key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)], check=True)
    return file.with_suffix(".pub").read_text().strip()


def file(path: str, text: str, mode: int = 0o644) -> dict[str, Any]:
    """Return a file in the form of Ignition."""
    return {"path": path, "mode": mode, "overwrite": True, "contents": {"source": f"data:,{quote(text)}"}}


@dataclass
class Machine:
    """A VM of a lab, with its disk, keys and console in `folder`."""

    lab: Lab
    folder: Path
    name: str
    kind: str
    disk_gib: int = 6

    def ignition(self) -> dict[str, Any]:
        """Return a minimal configuration: login, host key, name and address."""
        user, host = key(self.folder / "user"), key(self.folder / "host")
        (self.folder / "known").write_text(f"{ADDRESS} {host}\n")
        network = f"[Match]\nMACAddress={MAC}\n\n[Network]\nAddress={ADDRESS}/24\nGateway=10.77.0.1\n"
        return {
            "ignition": {"version": "3.3.0"},
            "passwd": {"users": [{"name": "core", "groups": ["sudo"], "sshAuthorizedKeys": [user]}]},
            "storage": {
                "files": [
                    file("/etc/hostname", f"{self.name}\n"),
                    file("/etc/ssh/ssh_host_ed25519_key", (self.folder / "host").read_text(), 0o600),
                    file("/etc/sudoers.d/core", "core ALL=(ALL) NOPASSWD:ALL\n", 0o440),
                    file("/etc/systemd/network/10-probe.network", network),
                ]
            },
        }

    @property
    def console(self) -> Path:
        """The output of the machine's serial console."""
        return self.folder / "console.log"

    def start(self, ignition: dict[str, Any]) -> None:
        """Create disk and network, and start the machine for the first time."""
        image, disk = self.lab.state / "image", self.folder / "disk.qcow2"
        base = str((image / "base.qcow2").resolve())
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", str(disk), f"{self.disk_gib}G"],
            check=True,
        )
        (self.folder / "ignition.json").write_text(json.dumps(ignition))
        self.console.touch()
        if NETWORK not in virsh("net-list", "--name").split():
            self._create("net-create", self._network())
        self._create("create", self._domain(disk))

    def ssh(self, command: str, known: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Try once to run a command as `core`, with the pinned host key."""
        options = [f"UserKnownHostsFile={known or self.folder / 'known'}", "StrictHostKeyChecking=yes", "BatchMode=yes"]
        login = ["ssh", "-F", "/dev/null", "-i", str(self.folder / "user"), "-o", "ConnectTimeout=60"]
        for option in options:
            login += ["-o", option]
        return subprocess.run(
            netns.enter(self.lab, [*login, f"core@{ADDRESS}", command]), capture_output=True, text=True, timeout=180
        )

    def run(self, command: str) -> str:
        """Run a command that must succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def wait(self, seconds: int = 400) -> float:
        """Wait until SSH answers; return how many seconds it took."""
        begun = time.monotonic()
        while (done := self.ssh("true")).returncode != 0:
            if time.monotonic() - begun > seconds:
                raise AssertionError(f"no SSH within {seconds} s: {done.stderr}\n{self.console.read_text()[-3000:]}")
            time.sleep(2)
        return time.monotonic() - begun

    def wait_powered_off(self, seconds: int = 200) -> None:
        """Wait until the machine has powered off."""
        deadline = time.monotonic() + seconds
        while self.name in virsh("list", "--name").split():
            assert time.monotonic() < deadline, f"still runs after {seconds} s:\n{self.console.read_text()[-3000:]}"
            time.sleep(0.5)

    def _create(self, verb: str, description: Element) -> None:
        described = self.folder / f"{verb}.xml"
        described.write_bytes(tostring(description))
        virsh(verb, str(described))

    def _network(self) -> Element:
        network = Element("network")
        SubElement(network, "name").text = NETWORK
        SubElement(network, "forward", mode="nat")
        SubElement(network, "bridge", name="probe0")
        SubElement(network, "ip", address="10.77.0.1", netmask="255.255.255.0")
        return network

    def _domain(self, disk: Path) -> Element:
        image = (self.lab.state / "image").resolve()
        domain = Element("domain", type=self.kind)
        SubElement(domain, "name").text = self.name
        SubElement(domain, "memory", unit="MiB").text = "1024"
        SubElement(domain, "vcpu").text = "2"
        SubElement(domain, "cpu", mode="maximum" if self.kind == "qemu" else "host-passthrough")
        system = SubElement(domain, "os")
        SubElement(system, "type").text = "hvm"
        SubElement(system, "kernel").text = str((image / "vmlinuz").resolve())
        SubElement(system, "initrd").text = str((image / "initrd").resolve())
        arguments = "root=/dev/vda console=ttyS0 net.ifnames=0 quiet ignition.firstboot=1 ignition.platform.id=qemu"
        SubElement(system, "cmdline").text = arguments
        SubElement(SubElement(domain, "features"), "acpi")
        devices = SubElement(domain, "devices")
        drive = SubElement(devices, "disk", type="file", device="disk")
        SubElement(drive, "driver", name="qemu", type="qcow2")
        SubElement(drive, "source", file=str(disk))
        SubElement(drive, "target", dev="vda", bus="virtio")
        interface = SubElement(devices, "interface", type="network")
        SubElement(interface, "source", network=NETWORK)
        SubElement(interface, "mac", address=MAC)
        SubElement(interface, "model", type="virtio")
        SubElement(SubElement(devices, "serial", type="file"), "source", path=str(self.console))
        line = SubElement(domain, f"{{{QEMU}}}commandline")
        given = f"name=opt/com.coreos/config,file={self.folder / 'ignition.json'}"
        for argument in ("-fw_cfg", given):
            SubElement(line, f"{{{QEMU}}}arg", value=argument)
        return domain
