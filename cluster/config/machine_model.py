"""The sections of the machines: VMs on libvirt, or existing hosts by SSH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cluster.config import purposes, ssh_keys, syntax
from cluster.config.addresses import IPNetwork
from cluster.config.declare import Check, Derived, key, rule, template
from nodestate import Secret

HOST_KEY = Check(f"`<type> <base64>` of type {', '.join(ssh_keys.HOST_KEY_TYPES)}", ssh_keys.host_key)
PUBLIC_KEY = Check(f"`<type> <base64>` of type {', '.join((*ssh_keys.HOST_KEY_TYPES, 'ssh-rsa'))}", ssh_keys.public_key)


class MachineSource(StrEnum):
    """Source of the machines: VMs that this program creates, or existing hosts."""

    LIBVIRT = "libvirt"
    EXISTING = "existing"


class DomainType(StrEnum):
    """How VMs run: `kvm` on the processor, `qemu` emulated (slow)."""

    KVM = "kvm"
    QEMU = "qemu"


class OperatingSystem(StrEnum):
    """A VM's operating system family: decides what cluster/machine/operating_systems.py says of it."""

    DEBIAN = "debian"
    FLATCAR = "flatcar"
    FEDORA_COREOS = "fedora-coreos"


@dataclass(frozen=True, kw_only=True)
class MachineSize:
    """Size of a VM."""

    vcpus: int = key(2, 1, 512, doc="Virtual CPUs.")
    memory: int = key(2048, 1024, 4 << 20, unit="MiB", doc="Memory.")
    disk: int = key(20, 4, 65536, unit="GiB", doc="Size of the disk.")


@dataclass(frozen=True, kw_only=True)
class BootImage:
    """The image of all VMs. Pin it with `sha256`, or with `sha256sums`."""

    path: str = key(
        missing="the VM image: a qcow2 file, or its URL",
        doc="A qcow2 file on the machine that runs Pulumi, or its URL.",
        example="images/debian-12.qcow2",
    )
    sha256: str = key(
        "", check=Check("64 digits of 0-9 and a-f", syntax.sha256, syntax.SHA256.pattern), doc="Checksum of the image."
    )
    sha256sums: str = key(
        "", doc="Instead of `sha256`: a file in the format of sha256sum that lists the image's file name."
    )
    kernel: str = key("", doc="Kernel for direct boot; requires `initrd`.")
    initrd: str = key("", doc="Initial RAM disk for direct boot; requires `kernel`.")

    @rule("initrd", "kernel")
    def _kernel_with_initrd(self) -> str | None:
        return "is missing: direct boot needs kernel and initrd" if self.kernel and not self.initrd else None

    @rule("kernel", "initrd")
    def _initrd_with_kernel(self) -> str | None:
        return "is missing: direct boot needs kernel and initrd" if self.initrd and not self.kernel else None


@dataclass(frozen=True, kw_only=True)
class Libvirt:
    """VMs on libvirt, for `machines.source: libvirt`. The program creates network, pool, disks and domains."""

    operating_system: OperatingSystem = key(
        name="os",
        doc="Operating system of the image: decides Ignition's fw_cfg name, groups and network files, and the folders of programs.",
    )
    uri: str = key(
        "qemu:///system",
        check=Check("a libvirt URI of a QEMU hypervisor", syntax.libvirt_uri, syntax.LIBVIRT_URI),
        doc="The hypervisor.",
        example="qemu+ssh://root@host/system",
    )
    domain_type: DomainType = key(DomainType.KVM, doc="`qemu` emulates the processor: slow, and needs no /dev/kvm.")
    domain_type_file: str = key(
        "", doc="Instead of `domainType`: a file that contains it, such as the result of the lab's KVM probe."
    )
    image: BootImage = key(doc="The image of all VMs.")
    pool: str = key(
        "",
        derived=template("/var/lib/libvirt/plumbline/{cluster.name}"),
        check=Check("an absolute folder that nothing else uses", syntax.pool),
        doc="Folder of the storage pool on the hypervisor; the program creates and removes it.",
    )
    network: IPNetwork = key(
        check=Check("/8 to /29", purposes.machine_network),
        missing="the VMs' network, such as 10.77.0.0/24: each cluster on a hypervisor needs its own",
        doc="The VMs' network. Its first address is the gateway.",
        example="10.77.0.0/24",
    )
    bridge: str = key(
        "",
        derived=Derived("`pb-<cluster.name>`, shortened", lambda values: syntax.bridge_name(values["cluster.name"])),
        check=Check("an interface name: 1 to 15 of a-z, 0-9 and -", syntax.bridge, syntax.BRIDGE),
        doc="Interface name of the network's bridge on the hypervisor.",
    )
    authorized_keys: tuple[str, ...] = key(
        (),
        check=Check("lines of an authorized_keys file", ssh_keys.authorized_key),
        identity=ssh_keys.same_key,
        doc="Operators' public SSH keys, in addition to the stack's own.",
    )
    size: MachineSize = key(doc="Size of each VM, unless `nodes.<name>.machine` overrides it.")
    sizes: Mapping[str, MachineSize] = field(default_factory=dict)
    """The VMs' sizes by node name."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """How one SSH server is logged in to, and known."""

    port: int = key(22, 1, 65535, doc="Port of the SSH server.")
    private_key_file: Path = key(
        Path(),
        doc="Private key (OpenSSH or PEM) on the machine that runs Pulumi; `~` is the home folder there. Required, here or per "
        "node, unless `agent` is true.",
        example="~/.ssh/id_ed25519",
    )
    private_key_passphrase: Secret | None = key(
        None, doc="Passphrase of an encrypted `privateKeyFile`: a secret, set by `pulumi config set --secret --path`."
    )
    certificate_file: Path = key(
        Path(),
        doc="User certificate of `privateKeyFile`, signed by an SSH CA that the hosts trust.",
        example="~/.ssh/id_ed25519-cert.pub",
    )
    agent: bool = key(False, doc="Use the keys and certificates of the SSH agent that SSH_AUTH_SOCK names, too.")
    agent_key: str = key(
        "",
        check=PUBLIC_KEY,
        doc="With `agent`: offer this public key only. An SSH server refuses a login after a few keys.",
    )
    host_key: str = key(
        "",
        check=HOST_KEY,
        doc="The host's pinned public key, as in its /etc/ssh/ssh_host_ed25519_key.pub; required, here or per node, unless "
        "`hostCaKey` is set. Another key means another machine.",
    )
    host_ca_key: str = key(
        "",
        check=PUBLIC_KEY,
        doc="Instead of `hostKey`: the public key of the SSH CA that signs the hosts' certificates. A certificate must name the "
        "host, as it is dialled, as principal.",
    )


@dataclass(frozen=True, kw_only=True)
class Bastion(Login):
    """An SSH server on the way to a host. Its key, passphrase, certificate and agent are those of the host, unless it sets
    `privateKeyFile` or `agent`."""

    host: str = key(
        check=Check("an address or host name", syntax.ssh_host),
        missing="the bastion's address, as the computer before it knows it",
        doc="Address or host name, as the computer before it on the way knows it.",
        example="bastion.example.com",
    )
    user: str = key(
        "", check=Check("a login name", syntax.user, syntax.USER), doc="User to log in as; by default that of the host."
    )


@dataclass(frozen=True, kw_only=True)
class Ssh(Login):
    """Existing hosts, for `machines.source: existing`. A node's own `ssh` overrides these keys."""

    user: str = key(
        "core",
        check=Check("a login name", syntax.user, syntax.USER),
        doc="root, or a user that may use sudo, without a password or with `sudoPassword`.",
    )
    sudo_password: Secret | None = key(
        None,
        doc="The user's password on the host, if sudo asks for it: a secret, set by `pulumi config set --secret --path`.",
    )
    bastions: tuple[Bastion, ...] = key(
        (),
        doc="The bastions on the way to the host, the first one first. `[]` in a node's own `ssh` means none.",
    )
    config_file: Path = key(
        Path(),
        doc="An OpenSSH client configuration: what it says of the alias `host` (by default the node's name) is used for keys "
        "that are not set here: address, port, user, key, certificate, ProxyJump, and host keys from its known_hosts files.",
        example="~/.ssh/config",
    )


@dataclass(frozen=True, kw_only=True)
class SshHost(Ssh):
    """SSH settings of one existing host. Each key overrides that of `machines.ssh`."""

    host: str = key(
        "",
        check=Check("an address or host name", syntax.ssh_host),
        doc="Where the host is reached by SSH, if not at the node's `address`; with `configFile`, its alias there.",
        example="192.0.2.11",
    )
    host_key_file: str = key("", doc="Instead of `hostKey`: the file of the host's public key.")


@dataclass(frozen=True)
class ExistingHosts:
    """Existing hosts, reached by SSH, by node name."""

    hosts: Mapping[str, SshHost]


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The machines of all nodes."""

    source: MachineSource = key(doc="`libvirt`: VMs that the program creates. `existing`: existing hosts.")
