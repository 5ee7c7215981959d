"""Reads the part of a stack's configuration that the lab needs: machines and addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from builder.errors import UserError

HOST_NETWORK = ipaddress.IPv4Network("10.78.0.0/24")
HOST_GATEWAY = ipaddress.IPv4Address("10.78.0.1")
VM_NETWORK = "10.77.0.0/24"
_NAMESPACE = "plumbline"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Host:
    """A container host: its node name and its address in HOST_NETWORK."""

    name: str
    address: ipaddress.IPv4Address


def load_config(project: Path, stack: str) -> dict[str, Any]:
    """Return a stack's configuration by key, without the `plumbline:` prefix, with the defaults of Pulumi.yaml.

    Raises UserError if the stack has no file, with the stacks that have one.
    """
    file = project / f"Pulumi.{stack}.yaml"
    if not file.exists():
        known = sorted(path.name.split(".")[1] for path in project.glob("Pulumi.*.yaml"))
        raise UserError(f"stack {stack}: there is no {file.name}; stacks here: {', '.join(known) or 'none'}")
    settings: dict[str, Any] = {}
    main = project / "Pulumi.yaml"
    for key, declared in (_config(main) if main.exists() else {}).items():
        if isinstance(declared, Mapping) and ("value" in declared or "default" in declared):
            settings[_bare(key)] = declared.get("value", declared.get("default"))
    settings |= {_bare(key): value for key, value in _config(file).items()}
    return settings


def source(stack: Mapping[str, Any]) -> str:
    """Return the source of the stack's machines: `libvirt` or `existing`. Raises UserError for another value."""
    machines = stack.get("machines")
    named = machines.get("source") if isinstance(machines, Mapping) else None
    if named is None:
        raise UserError("machines.source is not set: set it to libvirt or existing")
    if named not in ("libvirt", "existing"):
        raise UserError(f"machines.source is {named!r}: set it to libvirt or existing")
    return str(named)


def gateway(stack: Mapping[str, Any]) -> str:
    """Return the first address of the VMs' network, which is this machine's address on their bridge.

    Raises UserError if machines.libvirt.network is not a network.
    """
    machines = stack.get("machines")
    settings = machines.get("libvirt") if isinstance(machines, Mapping) else None
    named = settings.get("network", VM_NETWORK) if isinstance(settings, Mapping) else VM_NETWORK
    try:
        return str(ipaddress.IPv4Network(str(named))[1])
    except (ValueError, IndexError):
        raise UserError(
            f"machines.libvirt.network is {named!r}: it must be an IPv4 network, such as {VM_NETWORK}"
        ) from None


def container_hosts(stack: Mapping[str, Any]) -> tuple[Host, ...]:
    """Return the hosts that the lab starts for a stack of existing machines: those with an address in HOST_NETWORK.

    Empty if no address is in HOST_NETWORK. Raises UserError for a host that the lab cannot start.
    """
    nodes = stack.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        raise UserError("nodes: no node is configured, so the lab has no host to start")
    addresses = {str(name): _address(str(name), node) for name, node in nodes.items()}
    if not any(address in HOST_NETWORK for address in addresses.values()):
        return ()
    taken: dict[ipaddress.IPv4Address, str] = {HOST_GATEWAY: "the lab's gateway"}
    for name, address in addresses.items():
        if not _LABEL.fullmatch(name):
            raise UserError(f"nodes.{name}: a host name has letters a-z, digits and dashes only")
        if address not in HOST_NETWORK or address in (HOST_NETWORK[0], HOST_NETWORK[-1]):
            raise UserError(
                f"nodes.{name}.address is {address}: if one node is in the lab's network {HOST_NETWORK}, all must be"
            )
        if address in taken:
            raise UserError(f"nodes.{name}.address is {address}: that is already the address of {taken[address]}")
        taken[address] = f"nodes.{name}"
    return tuple(Host(name, address) for name, address in addresses.items())


def _address(name: str, node: object) -> ipaddress.IPv4Address:
    found = node.get("address") if isinstance(node, Mapping) else None
    try:
        return ipaddress.IPv4Address(str(found))
    except ValueError:
        raise UserError(f"nodes.{name}.address is {found!r}: it must be an IPv4 address") from None


def _config(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise UserError(f"{file.name} is not YAML: {' '.join(str(error).split())}") from None
    config = content.get("config") if isinstance(content, Mapping) else None
    return dict(config) if isinstance(config, Mapping) else {}


def _bare(key: str) -> str:
    return str(key).removeprefix(f"{_NAMESPACE}:")
