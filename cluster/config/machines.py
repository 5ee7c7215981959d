"""The configured machines: VMs on libvirt, or existing hosts by SSH."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from cluster.config import artifacts, syntax
from cluster.config.model import BootImage, ExistingHosts, Libvirt, MachineSize, OperatingSystem, SshHost
from cluster.config.reader import Check, Reader

DEFAULT_USER = "core"
LEAST_MEMORY = 1024
POOL = re.compile(r"/[A-Za-z0-9._/-]+")
BRIDGE = re.compile(r"[a-z][a-z0-9-]{0,14}")


class Source(StrEnum):
    """Where machines come from: VMs that this program makes, or hosts that exist already."""

    LIBVIRT = "libvirt"
    EXISTING = "existing"


@dataclass(frozen=True)
class SshDefaults:
    """What existing hosts share; a node's own `ssh` wins. None where nothing is said."""

    port: int
    user: str
    private_key_file: str | None
    host_key: str | None


@dataclass(frozen=True)
class MachineSettings:
    """The `machines` section. `size` and `ssh` are the defaults of nodes."""

    source: Source
    libvirt: Libvirt | None
    size: MachineSize
    ssh: SshDefaults
    root: Path

    def of_nodes(self, sizes: Mapping[str, MachineSize], hosts: Mapping[str, SshHost]) -> Libvirt | ExistingHosts:
        """The machine source with what each node adds to it."""
        return ExistingHosts(hosts) if self.libvirt is None else replace(self.libvirt, sizes=sizes)


def parse_machines(reader: Reader, root: Path, cluster_name: str) -> MachineSettings:
    """The machines' settings; errors name `machines.<key>`."""
    source = Source(reader.choice("source", list(Source)))
    size, libvirt = MachineSize(2, 2048, 20), None
    defaults = SshDefaults(22, DEFAULT_USER, None, None)
    if source is Source.LIBVIRT:
        section = reader.object("libvirt")
        size = parse_size(section.object("size"), size)
        libvirt = _libvirt(section, root, cluster_name)
        if reader.has("ssh"):
            reader.error("ssh", "is for machines.source existing; libvirt machines get their keys from the program")
    else:
        section = reader.object("ssh")
        defaults = SshDefaults(
            port=section.integer("port", 22, 1, 65535),
            user=section.text("user", DEFAULT_USER),
            private_key_file=section.text("privateKeyFile", "") or None,
            host_key=section.text("hostKey", "", syntax.host_key) or None,
        )
        section.finish()
        if reader.has("libvirt"):
            reader.error("libvirt", "is for machines.source libvirt; existing hosts are set by machines.ssh")
    reader.finish()
    return MachineSettings(source, libvirt, size, defaults, root)


def parse_size(reader: Reader, default: MachineSize) -> MachineSize:
    """A VM's size: at least one CPU, 1024 MiB and 4 GiB."""
    size = MachineSize(
        vcpus=reader.integer("vcpus", default.vcpus, 1, 512),
        memory=reader.integer("memory", default.memory, LEAST_MEMORY, 4 << 20),
        disk=reader.integer("disk", default.disk, 4, 65536),
    )
    reader.finish()
    return size


def parse_ssh(reader: Reader, defaults: SshDefaults, root: Path) -> SshHost | None:
    """How one existing host is reached. Reads its key files; None where an error was noted."""
    before = len(reader.errors)
    port = reader.integer("port", defaults.port, 1, 65535)
    user = reader.text("user", defaults.user)
    key_file = reader.text("privateKeyFile", defaults.private_key_file or "")
    host_key = reader.text("hostKey", "", syntax.host_key)
    host_key_file = reader.text("hostKeyFile", "")
    reader.finish()
    if not key_file:
        reader.error(
            "privateKeyFile", "is missing: the file of the private key to log in with (or machines.ssh.privateKeyFile)"
        )
    elif (wrong := _unreadable_key(root / Path(key_file).expanduser())) is not None:
        reader.error("privateKeyFile", wrong)
    if host_key and host_key_file:
        reader.error("hostKeyFile", "is set beside hostKey: one of them is enough")
    elif host_key_file:
        host_key = _key_from(reader, root, host_key_file)
    host_key = host_key or defaults.host_key or ""
    if not host_key and len(reader.errors) == before:
        reader.error("hostKey", "is missing: the host's public key, as in /etc/ssh/ssh_host_ed25519_key.pub there")
    if len(reader.errors) > before:
        return None
    return SshHost(port, user, root / Path(key_file).expanduser(), " ".join(host_key.split()[:2]))


def _key_from(reader: Reader, root: Path, name: str) -> str:
    try:
        text = (root / name).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reader.error(
            "hostKeyFile", f"{name} cannot be read ({_reason(error)}); for the lab's hosts `make up` writes it"
        )
        return ""
    if (wrong := syntax.host_key(text)) is not None:
        reader.error("hostKeyFile", f"{name} {wrong}")
        return ""
    return text


def _unreadable_key(file: Path) -> str | None:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        return f"{file.name} cannot be read ({_reason(error)}): an unencrypted OpenSSH or PEM private key is needed"
    if "PRIVATE KEY-----" not in text:
        return f"{file.name} holds no private key: an unencrypted OpenSSH or PEM private key is needed"
    return None


def _reason(error: Exception) -> str:
    return (error.strerror or "error").lower() if isinstance(error, OSError) else "not text"


def _libvirt(reader: Reader, root: Path, cluster_name: str) -> Libvirt:
    def matches(pattern: re.Pattern[str], allowed: str) -> Check:
        return lambda value: None if pattern.fullmatch(value) else f"'{value}' is not {allowed}"

    network = reader.text("network", "10.77.0.0/24", syntax.network)
    settings = Libvirt(
        operating_system=OperatingSystem(reader.choice("os", list(OperatingSystem), OperatingSystem.FLATCAR)),
        uri=reader.text("uri", "qemu:///system", _uri),
        domain_type=_domain_type(reader, root),
        image=_image(reader.object("image"), root),
        pool=reader.text(
            "pool",
            f"/var/lib/libvirt/plumbline/{cluster_name}",
            matches(POOL, "an absolute folder of letters, digits and ._-/"),
        ),
        network=IPv4Network(network),
        bridge=reader.text(
            "bridge",
            "plumbline0",
            matches(BRIDGE, "an interface name: at most 15 of a-z, 0-9 and -"),
        ),
        authorized_keys=reader.texts("authorizedKeys"),
        sizes={},
    )
    for index, key in enumerate(settings.authorized_keys):
        if (wrong := syntax.host_key(key)) is not None:
            reader.error(f"authorizedKeys[{index}]", wrong)
    reader.finish()
    return settings


def _domain_type(reader: Reader, root: Path) -> str:
    """As set, or as the lab's probe of KVM has found it: a stack file that says so runs with and without KVM."""
    types = ["kvm", "qemu"]
    set_directly = reader.has("domainType")
    found = reader.choice("domainType", types, "kvm")
    name = reader.text("domainTypeFile", "")
    if not name:
        return found
    if set_directly:
        reader.error("domainTypeFile", "is set beside domainType: one of them is enough")
        return found
    try:
        found = (root / name).read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reader.error("domainTypeFile", f"{name} cannot be read ({_reason(error)}); `make up` writes it")
        return "kvm"
    if found not in types:
        reader.error("domainTypeFile", f"{name} holds '{found[:20]}', not one of {', '.join(types)}")
        return "kvm"
    return found


def _image(reader: Reader, root: Path) -> BootImage:
    path = reader.text("path", missing="the VM image: a qcow2 file, or its URL")
    checksum = reader.text("sha256", "", syntax.sha256)
    sums = reader.text("sha256sums", "")
    kernel, initrd = reader.text("kernel", ""), reader.text("initrd", "")
    reader.finish()
    if bool(kernel) != bool(initrd):
        reader.error("initrd" if kernel else "kernel", "is missing: direct boot takes kernel and initrd")
    if not checksum and sums and path:
        checksum = artifacts.checksum_from(reader, root, sums, Path(path).name)
    elif not checksum and path and "sha256" not in "".join(reader.errors[-1:]):
        reader.error("sha256", "is missing: the image's sha256, or sha256sums with a file that lists it")
    if "://" in path:
        if (wrong := syntax.url(path)) is not None:
            reader.error("path", wrong)
    else:
        path = str(root / path)
    return BootImage(path, checksum, str(root / kernel) if kernel else None, str(root / initrd) if initrd else None)


def _uri(value: str) -> str | None:
    if re.fullmatch(r"(qemu|test)(\+(unix|ssh|tcp|tls|libssh2?))?://\S*", value):
        return None
    return f"'{value}' is not a libvirt URI, such as qemu:///system or qemu+ssh://root@host/system"
