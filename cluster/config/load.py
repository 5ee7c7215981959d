"""The stack's configuration, parsed and validated once: plain data in, a Cluster out, or every error at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import versions
from cluster.config import artifacts, tree
from cluster.config.add_ons import read_add_ons
from cluster.config.checks import Draft, check, check_control_plane_nodes
from cluster.config.control_plane_check import check_control_plane
from cluster.config.kinds import read, read_section
from cluster.config.kubelet_check import check_kubelet
from cluster.config.machines import MachineReader, read_machines, shared_keys
from cluster.config.model import (
    Certificates,
    Cluster,
    ClusterName,
    Cni,
    Containerd,
    ControlPlane,
    Etcd,
    Kubernetes,
    KubernetesKeys,
    Network,
    Node,
    Policy,
    Proxy,
    WorkerRollout,
)
from cluster.config.nodes import read_nodes
from cluster.config.pod_cidrs import with_pod_cidrs
from cluster.config.reader import ConfigError, Reader, Scope
from cluster.config.site import Facts, read_levels, with_sites

__all__ = ["ConfigError", "load_config", "load_outline"]


@dataclass(frozen=True)
class Outline:
    """The parts of a configuration that can be read without other files."""

    names: ClusterName
    network: Network
    nodes: tuple[Node, ...]


def load_outline(raw: Mapping[str, Any]) -> Outline:
    """Names, networks and nodes of a stack, without their machines. Reads no file. Raises ConfigError."""
    scope = Scope(Path(), tree.former_keys())
    top = Reader(raw, scope)
    outline = Outline(
        read_section(top, "cluster", ClusterName),
        read_section(top, "network", Network),
        read_nodes(top, MachineReader(), read_levels(top)),
    )
    check_control_plane_nodes(outline.nodes, scope)
    if scope.problems:
        raise ConfigError(scope.problems)
    return outline


def load_config(
    raw: Mapping[str, Any], root: Path, reads_files: bool = True, secrets: Collection[str] | None = None
) -> Cluster:
    """The validated configuration from a stack's values by key, without namespace.

    Paths in it are relative to `root`. Reads the files it names (keys, checksums, manifests), and changes nothing but the
    cache. Without `reads_files` it reads none: that is enough to look at the plan, and not to run it. `secrets` are the
    paths of config secrets, None if it is not known which are. Raises ConfigError with every error.
    """
    known = None if secrets is None else frozenset(secrets)
    scope = Scope(root, tree.former_keys(), reads_files=reads_files, secrets=known)
    top = Reader(raw, scope)
    names = read_section(top, "cluster", ClusterName)
    network = read_section(top, "network", Network)
    settings = MachineReader(read_machines(top), shared_keys(top))
    levels = read_levels(top)
    nodes = read_nodes(top, settings, levels)
    machines = settings.machines()
    kubernetes = top.object("kubernetes")
    keys = read(kubernetes, KubernetesKeys)
    plugins = versions.CNI_PLUGINS if network.cni is Cni.ROUTED else versions.DELEGATED_PLUGINS
    files = artifacts.resolve(keys.artifact_keys, keys.version, plugins, kubernetes.object("artifacts"))
    kubernetes.finish()
    kubelet = top.mapping("kubelet")
    sections: dict[str, Any] = {
        "certificates": read_section(top, "certificates", Certificates),
        "containerd": read_section(top, "containerd", Containerd),
        "proxy": read_section(top, "proxy", Proxy),
        "etcd": read_section(top, "etcd", Etcd),
        "control_plane": read_section(top, "controlPlane", ControlPlane),
        "rollout": read_section(top, "rollout", WorkerRollout),
        "policy": read_section(top, "policy", Policy),
        "add_ons": read_add_ons(top),
    }
    top.finish()
    check(Draft(network, keys, machines, nodes), scope)
    if network.cni is Cni.ROUTED and not (scope.failed("nodes") or scope.failed("network")):
        nodes = with_pod_cidrs(nodes, network.pod_cidr, scope)
    nodes = with_sites(nodes, levels, Facts(names, network, keys, nodes), scope)
    check_kubelet(kubelet, nodes, keys.version, scope)
    check_control_plane(sections["control_plane"], sections["etcd"], network, keys.version, scope)
    if scope.problems or files is None:
        raise ConfigError(scope.problems)
    return Cluster(
        name=names.name,
        domain=names.domain,
        machines=machines,
        nodes=nodes,
        network=network,
        kubernetes=Kubernetes(**vars(keys), artifacts=files),
        kubelet=kubelet,
        **sections,
    )
