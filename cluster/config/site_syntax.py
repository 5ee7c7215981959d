"""The syntax of a site's settings: each check returns an error, or None."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address

from cluster.config import purposes, syntax
from cluster.config.containerd_syntax import certificates
from nodestate import schema
from nodestate.keys import Check

SYSCTL = re.compile(r"[a-z][a-z0-9_-]*([./][A-Za-z0-9_:-]+)+")
MODULE = re.compile(r"[A-Za-z0-9_-]+")
CA_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
NOT_FILES = ("/dev", "/proc", "/sys", "/run", "/tmp")
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system")


def path(value: str) -> str | None:
    """The path of a file on a node that outlives a boot."""
    if not schema.PATH.fits(value):
        return f"'{value}' is not {schema.PATH.form}, such as /etc/motd"
    if value.startswith(tuple(f"{folder}/" for folder in NOT_FILES)):
        return f"a file below {value[: value.index('/', 1)]} does not outlive a boot: set sysctls, or a unit that writes it"
    folder, _, name = value.rpartition("/")
    if folder in UNIT_FOLDERS and unit(name) is None:
        return f"is the file of a unit: set site.units.{name}, so that the unit is enabled and started, too"
    return None


def unit(value: str) -> str | None:
    """A unit's name."""
    return _matches(schema.UNIT, value)


def mode(value: str) -> str | None:
    """Permissions."""
    return _matches(schema.MODE, value)


def user(value: str) -> str | None:
    """A user's or group's name or number."""
    return _matches(schema.USER, value)


def sysctl(name: str, value: str) -> str | None:
    """A kernel setting and its value."""
    if not SYSCTL.fullmatch(name):
        return f"'{name}' is not the name of a kernel setting, such as net.core.somaxconn"
    if not value.strip() or not value.isprintable():
        return f"{value!r} is not one line of printable text"
    return None


def module(value: str) -> str | None:
    """A kernel module's name."""
    return None if MODULE.fullmatch(value) else f"'{value}' is not a kernel module's name, such as br_netfilter"


def host(name: str, address: str) -> str | None:
    """A name in /etc/hosts, and its address."""
    if (wrong := syntax.dns_name(name)) is not None:
        return wrong
    if purposes.name(name) is not None:
        return f"'{name}' is each machine's name for itself"
    try:
        return purposes.unicast(IPv4Address(address))
    except AddressValueError:
        return f"'{address}' is not an IPv4 address, such as 192.0.2.5"


def trusted_ca(name: str, pem: str) -> str | None:
    """The name of a CA's file, and its certificate."""
    if not CA_NAME.fullmatch(name):
        return f"'{name}' is not a name of a-z, 0-9 and -"
    if pem.count("-----BEGIN ") > 1:
        return "holds several certificates: give each its own name"
    return certificates(pem)


def _matches(check: Check, value: str) -> str | None:
    return None if check.fits(value) else f"'{value}' is not {check.form}"
