"""Reads the machines' sections, with the files that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cluster.config import ssh_keys, syntax
from cluster.config.checksums import checksum
from cluster.config.kinds import read, read_section
from cluster.config.machine_model import (
    BootImage,
    DomainType,
    ExistingHosts,
    Libvirt,
    Machines,
    MachineSize,
    MachineSource,
    Ssh,
    SshHost,
)
from cluster.config.reader import Reader, Scope

LIBVIRT, IMAGE, SSH = "machines.libvirt", "machines.libvirt.image", "machines.ssh"


def read_machines(top: Reader) -> Libvirt | Ssh:
    """The VMs' settings, or the SSH settings of existing hosts, which each node may override."""
    reader = top.object("machines")
    source = read(reader, Machines).source
    settings: Libvirt | Ssh = Ssh()
    if reader.failed("source"):
        # Without a valid source, neither section can be checked.
        reader.has("libvirt"), reader.has("ssh")
    elif source is MachineSource.LIBVIRT:
        reader.refuse("ssh", "is for machines.source existing; libvirt machines get their keys from the program")
        settings = _libvirt(read_section(reader, "libvirt", Libvirt), reader.object("libvirt"))
    else:
        reader.refuse("libvirt", "is for machines.source libvirt; existing hosts are set by machines.ssh")
        settings = _shared_ssh(read_section(reader, "ssh", Ssh), reader.scope)
    reader.finish()
    return settings


class MachineReader:
    """Reads each node's machine settings and merges them with the shared ones. Without shared settings it reads nothing."""

    def __init__(self, settings: Libvirt | Ssh | None = None) -> None:
        self._settings = settings
        self._sizes: dict[str, MachineSize] = {}
        self._hosts: dict[str, SshHost] = {}

    def read(self, name: str, node: Reader) -> None:
        """Reads `machine` or `ssh` of one node."""
        if self._settings is None or node.scope.failed("machines.source"):
            node.has("machine"), node.has("ssh")
        elif isinstance(self._settings, Libvirt):
            node.refuse("ssh", "is for machines.source existing; libvirt machines get their keys from the program")
            self._sizes[name] = read_section(node, "machine", MachineSize, self._settings.size)
        else:
            node.refuse("machine", "is for machines.source libvirt; the size of an existing host cannot be set")
            self._hosts[name] = _ssh_host(node, self._settings)

    def machines(self) -> Libvirt | ExistingHosts:
        """The machines of all nodes."""
        if isinstance(self._settings, Libvirt):
            return replace(self._settings, sizes=self._sizes)
        return ExistingHosts(self._hosts)


def _libvirt(settings: Libvirt, reader: Reader) -> Libvirt:
    return replace(settings, image=_image(settings.image, reader.scope), domain_type=_domain_type(settings, reader))


def _image(image: BootImage, scope: Scope) -> BootImage:
    digest = image.sha256
    if image.sha256 and image.sha256sums:
        scope.error(f"{IMAGE}.sha256sums", "is set together with sha256: set one of them")
    elif image.sha256sums and image.path:
        digest = checksum(scope, f"{IMAGE}.sha256sums", image.sha256sums, Path(image.path).name)
    elif not digest and image.path and not scope.failed(f"{IMAGE}.sha256"):
        scope.error(f"{IMAGE}.sha256", "is missing: the image's sha256, or sha256sums with a file that lists it")
    path = image.path
    if "://" in path:
        if (wrong := syntax.http_url(path)) is not None:
            scope.error(f"{IMAGE}.path", wrong)
    else:
        path = str(scope.root / path)
    boot = {name: str(scope.root / file) if file else "" for name, file in _boot_files(image).items()}
    return replace(image, path=path, sha256=digest, **boot)


def _boot_files(image: BootImage) -> Mapping[str, str]:
    return {"kernel": image.kernel, "initrd": image.initrd}


def _domain_type(settings: Libvirt, reader: Reader) -> DomainType:
    """The configured type, or the result of the lab's KVM probe, so that one stack file works with and without KVM."""
    name = settings.domain_type_file
    if not name:
        return settings.domain_type
    if reader.has("domainType"):
        reader.error("domainTypeFile", "is set together with domainType: set one of them")
        return settings.domain_type
    if not reader.scope.reads_files:
        return settings.domain_type
    try:
        found = (reader.scope.root / name).read_text().partition("\n")[0].strip()
        return DomainType(found)
    except (OSError, UnicodeDecodeError) as error:
        reader.error("domainTypeFile", f"{name} cannot be read ({_reason(error)}); `make up` writes it")
    except ValueError:
        reader.error("domainTypeFile", f"{name} holds '{found[:20]}', not one of {', '.join(DomainType)}")
    return settings.domain_type


def _shared_ssh(settings: Ssh, scope: Scope) -> Ssh:
    return replace(settings, private_key_file=_private_key(settings.private_key_file, scope, f"{SSH}.privateKeyFile"))


def _private_key(file: Path, scope: Scope, key: str) -> Path:
    """The file's full path. Notes an error if the key in it cannot be used. Unchanged if no file is set."""
    if file == Path():
        return file
    if scope.reads_files and (wrong := ssh_keys.private_key(scope.root / file)) is not None:
        scope.error(key, wrong)
    return scope.root / file


def _ssh_host(node: Reader, shared: Ssh) -> SshHost:
    reader = node.object("ssh")
    host = read(reader, SshHost, SshHost(**vars(shared)))
    reader.finish()
    if host.private_key_file == Path():
        if not node.scope.failed(f"{SSH}.privateKeyFile"):
            reader.error(
                "privateKeyFile", f"is missing: the file of the private key to log in with (or {SSH}.privateKeyFile)"
            )
    elif reader.has("privateKeyFile"):
        _private_key(host.private_key_file, node.scope, reader.at("privateKeyFile"))
    host = replace(host, private_key_file=node.scope.root / host.private_key_file)
    if reader.has("hostKeyFile"):
        host = replace(host, host_key=_host_key_from(host.host_key_file, reader))
    elif host.host_key:
        host = replace(host, host_key=ssh_keys.plain_host_key(host.host_key))
    elif not reader.failed("hostKey") and not node.scope.failed(f"{SSH}.hostKey"):
        reader.error("hostKey", "is missing: the host's public key, as in its /etc/ssh/ssh_host_ed25519_key.pub")
    return host


def _host_key_from(name: str, reader: Reader) -> str:
    if reader.has("hostKey"):
        reader.error("hostKeyFile", "is set together with hostKey: set one of them")
        return ""
    if not reader.scope.reads_files:
        return ""
    try:
        text = (reader.scope.root / name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reader.error(
            "hostKeyFile", f"{name} cannot be read ({_reason(error)}); for the lab's hosts `make up` writes it"
        )
        return ""
    if (wrong := ssh_keys.host_key(text)) is not None:
        reader.error("hostKeyFile", f"{name} {wrong}")
        return ""
    return ssh_keys.plain_host_key(text)


def _reason(error: Exception) -> str:
    return (error.strerror or "error").lower() if isinstance(error, OSError) else "not text"
