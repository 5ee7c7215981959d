"""Requirements of each host, for the preflight: rendered as the variables of templates/preflight/node.sh."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from cluster.config.model import ArtifactSource, Cluster, Cni, Node, Role
from cluster.node import etcd, kubelet, paths
from cluster.node.binaries import binaries
from cluster.rendering import read_template

API_PORT = 6443
KUBELET_PORT = 10250
LOCAL_PORTS = {Role.WORKER: (10248, 10249, 10256), Role.CONTROL_PLANE: (2381, 10248, 10249, 10256, 10257, 10259)}
TOOLS = (
    *(
        "awk",
        "base64",
        "cat",
        "chmod",
        "chown",
        "cp",
        "curl",
        "cut",
        "date",
        "dd",
        "df",
        "flock",
        "grep",
        "ip",
        "ln",
        "mktemp",
    ),
    *(
        "mv",
        "rm",
        "sed",
        "sha256sum",
        "sort",
        "stat",
        "sync",
        "systemctl",
        "systemd-analyze",
        "tar",
        "timeout",
        "tr",
        "xargs",
    ),
)
"""The commands that scripts on a node use."""

PROGRAMS_MIB = 512
DATA_MIB = 2048
MEMORY_MIB = 800
SYNC_MS = 100
"""Mean time of a synced write of 2 KiB on etcd's disk: as long as its heartbeat interval. etcd wants 10 ms."""


@dataclass(frozen=True)
class HostCheck:
    """The variables of one host's check, and the ports that the other nodes must reach there."""

    variables: str
    dialled: tuple[int, ...]


def script() -> str:
    """The check, the same for all hosts. It reads the variables of HostCheck and `peers`."""
    return read_template("preflight/node.sh")


def host_check(cluster: Cluster, node: Node) -> HostCheck:
    """The needs of a host, by its role and by the settings of its kubelet."""
    settings = kubelet.configuration(cluster, node)
    programs = binaries(cluster).folder
    control_plane = node.role is Role.CONTROL_PLANE
    dialled = (KUBELET_PORT, *((API_PORT, etcd.CLIENT_PORT, etcd.PEER_PORT) if control_plane else ()))
    # Upstream artifacts are pinned for amd64.
    upstream = cluster.kubernetes.artifact_keys.source is ArtifactSource.UPSTREAM
    values = {
        "architectures": "x86_64" if upstream else "x86_64 aarch64",
        "cgroup": "" if settings.get("failCgroupV1") is False else "2",
        "tools": " ".join([*TOOLS, *_tools(cluster, control_plane)]),
        "resolver": str(settings.get("resolvConf") or ""),
        "folders": f"{programs} /etc /var/lib",
        "programs": programs,
        "disk": f"{programs}={PROGRAMS_MIB} /var/lib={DATA_MIB}",
        "memory": str(MEMORY_MIB),
        "ports": " ".join(map(str, (*dialled, *LOCAL_PORTS[node.role]))),
        "swap": "" if settings.get("failSwapOn") is False else "off",
        "sync": str(SYNC_MS) if control_plane else "",
        "etcd_data": paths.ETCD_DATA,
        "address": str(node.address),
        "api": cluster.kubernetes.internal_endpoint,
    }
    return HostCheck("".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items()), dialled)


def _tools(cluster: Cluster, control_plane: bool) -> list[str]:
    """The further commands that a host needs by its role and by the cluster's network."""
    found = ["nft"] if cluster.network.cni is Cni.ROUTED else []
    # Makes etcd's user.
    return [*found, *(["systemd-sysusers"] if control_plane else [])]
