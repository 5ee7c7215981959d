"""The Pulumi program of the benchmark: all of a cluster that is on its nodes, by the real components and the real plan.

Left out, since there is no API behind the simulated hosts: sets of objects, registrations of nodes, and the wait for the
control plane's pods. The preflight is left out above PREFLIGHT_NODES nodes: each host dials every other one, which is
quadratic work on the one machine that simulates them. All else is registered as components/kubernetes_cluster.py does it:
CAs, certificates, keys, first contact, etcd's quorum and membership, and every NodeState with its files, units and probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pulumi

from cluster import commands
from cluster.config.model import Cluster, ExistingHosts
from cluster.plan import plan
from cluster.step import CommandStep, NodeStateStep, Step
from components.certificate import issue
from components.certificate_authority import CertificateAuthority, CertificateAuthorityArgs
from components.existing_machines import existing_machines
from components.issued import IssuedTexts
from components.node import Node, NodeArgs
from components.object_set import ApiAccess
from components.preflight import Preflight, PreflightArgs
from components.settings import load_config
from components.shared_keys import SharedKeys
from components.steps import Steps

PREFLIGHT_NODES = 50


def on_nodes(steps: Iterable[Step]) -> Iterator[NodeStateStep | CommandStep]:
    """The steps that need no API, in order, each after those of them that it waits for."""
    kept: set[str] = set()
    for step in steps:
        if isinstance(step, NodeStateStep | CommandStep) and not (isinstance(step, CommandStep) and step.admin):
            kept.add(step.name)
            yield replace(step, after=tuple(edge for edge in step.after if edge.step in kept))


def main() -> None:
    """Registers the cluster of the stack's configuration."""
    register(load_config(Path.cwd()))


def register(cluster: Cluster) -> None:
    """Registers what is on the nodes. The machines are existing hosts."""
    if not isinstance(cluster.machines, ExistingHosts):
        raise ValueError("the benchmark's machines are simulated hosts: machines.source must be existing")
    name, settings, planned = cluster.name, cluster.certificates, plan(cluster)
    top = pulumi.ComponentResource("plumbline:index:KubernetesCluster", name)
    child = pulumi.ResourceOptions(parent=top)
    cas = {
        ca: CertificateAuthority(f"{name}-{ca}", CertificateAuthorityArgs(settings, subject), child)
        for ca, subject in planned.cas.items()
    }
    machines = existing_machines(cluster.machines, cluster.nodes)
    nodes = {node: Node(node, NodeArgs(machine), child) for node, machine in machines.items()}
    certificates = {
        leaf.name: issue(leaf, cas[leaf.ca], settings, nodes[leaf.node] if leaf.node else top)
        for leaf in planned.leaves
    }
    texts = IssuedTexts(cas, certificates, SharedKeys(name, settings, top))
    no_api = ApiAccess([], pulumi.Output.secret(""))
    steps = Steps(planned, top, name, nodes, texts, no_api)
    kept = list(on_nodes(planned.steps))
    first = [step for step in kept if isinstance(step, CommandStep) and step.component == commands.FIRST_BOOT]
    for contact in first:
        steps.register(contact)
    if len(cluster.nodes) <= PREFLIGHT_NODES:
        contacts = [steps.commands[contact.name] for contact in first]
        options = pulumi.ResourceOptions(parent=top, depends_on=contacts)
        steps.wait_for(Preflight(f"{name}-preflight", PreflightArgs(cluster, machines), options))
    for step in kept:
        if step not in first:
            steps.register(step)
