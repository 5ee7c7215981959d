"""The programs that nodes download, as stand-ins in a mirror's tree: small files, so that no time is spent on downloads."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

from bench.hosts.host import STANDINS
from cluster import versions

URL = "http://10.90.255.254:8080"
"""The stand-in of curl on the hosts copies these from a folder: nothing is served."""


def write(folder: Path) -> Path:
    """Writes the tree of a mirror for the default version, and returns its checksum file."""
    version = versions.DEFAULT
    programs = [
        *(f"kubernetes/{version}/{name}" for name in ("kubelet", "kubectl")),
        *(f"containerd/{versions.CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
        f"runc/{versions.RUNC}/runc",
        *(f"etcd/{versions.ETCD}/{name}" for name in ("etcd", "etcdctl", "etcdutl")),
        *(f"cni/{versions.CNI}/{name}" for name in versions.CNI_PLUGINS),
        *(f"images/{name}-{version}.tar" for name in (*versions.CONTROL_PLANE, versions.KUBE_PROXY)),
        f"images/pause-{versions.PAUSE}.tar",
        f"images/coredns-{versions.COREDNS}.tar",
    ]
    sums = []
    for name in programs:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        own = STANDINS / "programs" / file.name
        shutil.copyfile(own if own.exists() else STANDINS / "programs/program", file)
        sums.append(f"{sha256(file.read_bytes()).hexdigest()}  {name}\n")
    listed = folder / "SHA256SUMS"
    listed.write_text("".join(sums))
    return listed
