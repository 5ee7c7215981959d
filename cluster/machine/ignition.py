"""The Ignition configuration of a VM's first boot: login, host key, name and address. No secret of the cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from cluster.config.addresses import gateway, prefix_length
from cluster.config.model import Libvirt, Node
from cluster.machine.addresses import mac as mac_address
from cluster.machine.operating_systems import Networking, facts

LOGIN_USER = "core"
"""The first user of CoreOS-style systems; on other systems Ignition creates it."""

SPEC = "3.3.0"
"""The newest specification that Debian's Ignition 2.14 reads; Flatcar and Fedora CoreOS read it too."""


def render(
    cluster_name: str,
    libvirt: Libvirt,
    node: Node,
    authorized_keys: Sequence[str],
    host_key: str,
    host_public_key: str,
) -> str:
    """The configuration as JSON. `host_key` is the machine's private SSH host key, created by the plan so that it can be pinned."""
    files = [
        _file("/etc/hostname", f"{node.name}\n"),
        _file("/etc/ssh/ssh_host_ed25519_key", host_key, mode=0o600),
        _file("/etc/ssh/ssh_host_ed25519_key.pub", f"{host_public_key.strip()}\n"),
        _file(f"/etc/sudoers.d/{LOGIN_USER}", f"{LOGIN_USER} ALL=(ALL) NOPASSWD:ALL\n", mode=0o440),
        _network(cluster_name, libvirt, node),
    ]
    config = {
        "ignition": {"version": SPEC},
        "passwd": {
            "users": [
                {
                    "name": LOGIN_USER,
                    "groups": list(facts(libvirt).admin_groups),
                    "shell": "/bin/bash",
                    "sshAuthorizedKeys": [key.strip() for key in authorized_keys],
                }
            ]
        },
        "storage": {"files": files},
    }
    return json.dumps(config, indent=2)


def _network(cluster_name: str, libvirt: Libvirt, node: Node) -> dict[str, Any]:
    """A static address, bound to the MAC address: interface names differ between machine types."""
    mac = mac_address(cluster_name, node.name)
    first = gateway(libvirt.network)
    address = f"{node.address}/{prefix_length(libvirt.network)}"
    if facts(libvirt).networking is Networking.NETWORK_MANAGER:
        text = (
            "[connection]\nid=plumbline\ntype=ethernet\nautoconnect=true\n\n"
            f"[ethernet]\nmac-address={mac.upper()}\n\n"
            f"[ipv4]\nmethod=manual\naddress1={address},{first}\ndns={first};\n\n"
            "[ipv6]\nmethod=disabled\n"
        )
        return _file("/etc/NetworkManager/system-connections/plumbline.nmconnection", text, mode=0o600)
    text = (
        f"[Match]\nMACAddress={mac}\n\n"
        f"[Network]\nAddress={address}\nGateway={first}\nDNS={first}\n"
        "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    )
    return _file("/etc/systemd/network/10-plumbline.network", text)


def _file(path: str, text: str, mode: int = 0o644) -> dict[str, Any]:
    return {"path": path, "mode": mode, "overwrite": True, "contents": {"source": f"data:,{quote(text)}"}}
