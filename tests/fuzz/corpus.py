"""The configurations that mutations start from: the stacks of this project, with the files that they name."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import yaml

from tests import clusters
from tests.unit.keys import HOST_KEY, certificate, private_key

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("dev", "hosts", "production", "small")
PREFIX = "plumbline:"
SITE: dict[str, Any] = {
    "site": {
        "files": {
            "/etc/agent.conf": {"template": "{{ node.name }}\n", "restart": ["agent.service"], "mode": "0640"},
            "/opt/agent": {"url": "http://192.0.2.1/agent", "sha256": clusters.SHA, "owner": "root"},
        },
        "units": {"agent.service": {"content": "[Service]\nExecStart=/opt/agent\n"}, "a.timer": {"active": False}},
        "sysctls": {"net.core.somaxconn": 4096},
        "kernelModules": ["br_netfilter"],
        "timeServers": ["ntp.example"],
        "resolvers": ["192.0.2.53"],
        "hosts": {"registry.example": "192.0.2.5"},
        "trustedCAs": {"site": certificate()},
        "roles": {"worker": {"files": {"/etc/agent.conf": None}, "sysctls": {"net.core.somaxconn": "1"}}},
    },
    "containerd": {
        "registries": {
            "docker.io": {
                "server": "https://192.0.2.1:5000",
                "mirrors": [{"url": "https://192.0.2.2", "username": "a", "password": "b", "overridePath": True}],
            }
        },
        "imports": {"site.toml": "[debug]\nlevel = 'warn'\n"},
    },
    "proxy": {"https": "http://192.0.2.9:3128", "noProxy": [".example"]},
}
"""The settings of a site, of which the stacks have none."""


def configurations() -> list[dict[str, Any]]:
    """The values of each stack by key, without namespace."""
    found = []
    for stack in STACKS:
        configured = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        found.append({key.removeprefix(PREFIX): value for key, value in configured.items() if key.startswith(PREFIX)})
    return [
        *found,
        clusters.values(),
        clusters.values() | SITE,
        {**clusters.values(), **copy.deepcopy(clusters.SETTINGS)},
    ]


def write_files(root: Path) -> None:
    """Writes every file that the configurations name below `root`, which becomes the home folder of this process, too.

    Further files are damaged: mutations name them.
    """
    os.environ["HOME"] = str(root)
    texts: dict[str, bytes] = {
        ".ssh/id_ed25519": private_key(),
        ".lab/ssh/id_ed25519": private_key(),
        ".lab/domain-type": b"qemu\n",
        ".lab/image/SHA256SUMS": f"{clusters.SHA}  base.qcow2\n".encode(),
        "broken": b"not a checksum line\n",
        "binary": b"\xff\xfe\x00",
        "empty": b"",
    }
    sums = "".join(f"{clusters.SHA}  {name}\n" for name in clusters.ARTIFACTS).encode()
    texts |= {".lab/mirror/SHA256SUMS": sums, "SHA256SUMS": sums}
    for node in ("m1", "m2", "m3", "w1"):
        texts[f".lab/hosts/{node}/ssh_host_ed25519_key.pub"] = f"{HOST_KEY} root@{node}\n".encode()
    for name, content in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
