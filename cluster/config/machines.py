"""Reads the machines' sections, with the files that they name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from cluster.config import syntax
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
from cluster.config.ssh_hosts import read_host, read_shared

LIBVIRT, IMAGE = "machines.libvirt", "machines.libvirt.image"


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
        settings = read_shared(reader)
    reader.finish()
    return settings


def shared_keys(top: Reader) -> frozenset[str]:
    """The keys that `machines.ssh` sets."""
    shared = top.mapping("machines").get("ssh")
    return frozenset(shared if isinstance(shared, dict) else ())


class MachineReader:
    """Reads each node's machine settings and merges them with the shared ones, of which the keys `given` are set. Without shared settings it reads nothing."""

    def __init__(self, settings: Libvirt | Ssh | None = None, given: Collection[str] = ()) -> None:
        self._settings = settings
        self._given = given
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
            self._hosts[name] = read_host(node, name, self._settings, self._given)

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


def _reason(error: Exception) -> str:
    return (error.strerror or "error").lower() if isinstance(error, OSError) else "not text"
