"""The path of each section in the configuration, and the replacements of former keys."""

from __future__ import annotations

from cluster.config.declare import keys
from cluster.config.model import (
    AddOn,
    Certificates,
    ClusterName,
    Containerd,
    ControlPlane,
    Etcd,
    KubernetesKeys,
    Libvirt,
    Machines,
    MachineSize,
    Network,
    Node,
    Policy,
    Proxy,
    Site,
    Ssh,
    SshHost,
    WorkerRollout,
)

SECTIONS: dict[str, type] = {
    "cluster": ClusterName,
    "nodes.<name>": Node,
    "nodes.<name>.machine": MachineSize,
    "nodes.<name>.ssh": SshHost,
    "machines": Machines,
    "machines.libvirt": Libvirt,
    "machines.ssh": Ssh,
    "site": Site,
    "network": Network,
    "kubernetes": KubernetesKeys,
    "certificates": Certificates,
    "containerd": Containerd,
    "proxy": Proxy,
    "etcd": Etcd,
    "controlPlane": ControlPlane,
    "rollout": WorkerRollout,
    "policy": Policy,
    "addOns.<name>": AddOn,
}
"""The declared sections by path, except those that are fields of another section."""

TOP = {
    "cluster": "The cluster's names",
    "nodes": "The nodes by name",
    "machines": "The machines of all nodes",
    "site": "Files, units and kernel settings of nodes",
    "network": "The cluster's networks",
    "kubernetes": "Version, API endpoints and artifacts",
    "certificates": "Certificates and their renewal",
    "kubelet": "KubeletConfiguration keys for every node, merged over the program's own",
    "containerd": "The container runtime",
    "proxy": "A proxy for the pulls of containerd",
    "controlPlane": "The control plane's programs, leader election and probes",
    "etcd": "The members of etcd",
    "rollout": "Disruptive changes of workers",
    "policy": "The budget of a plan",
    "addOns": "Your own sets of API objects by name",
}
"""Every key of the first level, in the order of the reference, with its title."""

RECORDS = ("nodes", "addOns")
"""Sections of records by name."""

REQUIRED = ("cluster", "nodes", "machines")

INHERITED = {"nodes.<name>.machine": "machines.libvirt.size", "nodes.<name>.ssh": "machines.ssh"}
"""Sections whose defaults are another's values."""

NARROWER = {"nodes.<name>.site": "site", "site.roles.<role>": "site"}
"""Sections with the keys of another one, for fewer nodes."""

REMOVED = {
    "profile": "was removed: `make classic STACK=<stack>` writes the files of the 2018 series for that stack's nodes",
    "machines.os": "is now machines.libvirt.os, since it has no effect on existing hosts",
}


def former_keys() -> dict[str, str]:
    """The error text of each former key, by its path."""
    moved = {}
    for path, section in SECTIONS.items():
        for key in keys(section):
            if key.formerly:
                moved[key.formerly] = f"is now {path}.{key.name}"
    return moved | REMOVED
