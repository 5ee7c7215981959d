"""The plan of a cluster: its certificates, and every step with its node, its files and the steps that it waits for.

The only place that combines the components: which file goes to which node and path, in which order and why.
`python -m cluster.reference` prints it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import TopologicalSorter

from cluster import commands
from cluster.addons import addon, coredns, rbac
from cluster.addons.addon import add_on, users_add_ons
from cluster.config.model import Cluster, Node, Role, Site, Subject
from cluster.config.reader import ConfigError, Problem
from cluster.node import container_runtime, control_plane, etcd, kubelet, service_network, site
from cluster.pki.leaves import Leaf, leaves
from cluster.step import CA, After, CommandStep, NodeStateStep, Part, SharedKey, Step, step_name
from nodestate import Declared


class PlanError(Exception):
    """A plan that contradicts itself: a bug in this program, not an error in a configuration."""


@dataclass(frozen=True)
class ClusterPlan:
    """Everything that the program registers, as data.

    `cas` maps each CA to its subject; `leaves` are all leaf certificates. Each of `steps` comes after the steps that it
    waits for. `etcd_quorum` and `control_plane_ready` are the names of the steps whose output is exported.
    """

    cas: dict[CA, Subject]
    leaves: tuple[Leaf, ...]
    steps: tuple[Step, ...]
    etcd_quorum: str
    control_plane_ready: str

    def of_node(self, node: str) -> tuple[NodeStateStep, ...]:
        """A node's NodeStates, in order."""
        return tuple(self._by_node[node])

    @cached_property
    def _by_node(self) -> defaultdict[str, list[NodeStateStep]]:
        found = defaultdict[str, list[NodeStateStep]](list)
        for step in self.steps:
            if isinstance(step, NodeStateStep):
                found[step.node].append(step)
        return found

    def declared_elsewhere(self, step: NodeStateStep) -> dict[str, Declared]:
        """The declarations of the node's other NodeStates, by step: a path that moves between two of them is handed over."""
        return {
            other.name: Declared.of(other.state, [file.path for file in other.issued])
            for other in self.of_node(step.node)
            if other is not step
        }

    def edges(self) -> Iterator[tuple[Step, Step, str]]:
        """Every ordering edge: the waiting step, the step that it waits for, and the reason."""
        by_name = {step.name: step for step in self.steps}
        for step in self.steps:
            for edge in step.after:
                yield step, by_name[edge.step], edge.reason


def plan(cluster: Cluster) -> ClusterPlan:
    """The plan of a validated configuration.

    Raises PlanError if parts of the program contradict each other, and ConfigError if a site takes what the program owns.
    """
    quorum = commands.etcd_quorum(cluster)
    rbac_step = add_on(
        cluster,
        "rbac",
        rbac.manifests(),
        [
            After(step_name(node.name, control_plane.COMPONENT), "the API server runs in these static pods")
            for node in cluster.control_plane_nodes()
        ],
    )
    ready = commands.control_plane_ready(cluster, rbac_step.name)
    nodes = [
        After(step_name(node.name, commands.REGISTRATION), "its pods need nodes that accept them")
        for node in cluster.nodes
    ]
    dns_step = add_on(cluster, addon.DNS, coredns.manifests(cluster), nodes)
    users = users_add_ons(cluster, After(rbac_step.name, "the API answers once this is applied"), nodes, dns_step.name)
    networks = [addon.step_name(cluster, one.name) for one in cluster.add_ons if one.before_nodes]
    steps: list[Step] = [quorum, rbac_step, ready, dns_step, *users]
    for node in cluster.nodes:
        steps += _node_steps(cluster, node, quorum.name, rbac_step.name, networks)
    planned = ClusterPlan(
        cas={
            CA.KUBERNETES: cluster.certificates.ca_subject,
            CA.ETCD: Subject("etcd-ca"),
            CA.FRONT_PROXY: Subject("front-proxy-ca"),
        },
        leaves=leaves(cluster),
        steps=ordered(steps),
        etcd_quorum=quorum.name,
        control_plane_ready=ready.name,
    )
    check_issued(planned)
    check_sites(cluster, planned)
    return planned


def _node_steps(cluster: Cluster, node: Node, quorum: str, rbac_step: str, networks: Iterable[str]) -> Iterator[Step]:
    yield commands.first_boot(node)
    runtime = container_runtime.plan(cluster, node)
    if (settings := site.plan(cluster, node)) is not None:
        yield settings
        runtime = replace(
            runtime,
            after=(*runtime.after, After(settings.name, "its kernel settings, modules and files are the site's")),
        )
    yield runtime
    yield kubelet.plan(cluster, node)
    if node.role is Role.CONTROL_PLANE:
        yield etcd.plan(cluster, node)
        yield commands.etcd_membership(cluster, node)
        yield control_plane.plan(cluster, node, quorum)
    yield service_network.plan(cluster, node)
    yield commands.registration(cluster, node, rbac_step, networks)


def ordered(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, each after those that it waits for. Raises PlanError for a duplicate name or an edge to an unknown step."""
    by_name: dict[str, Step] = {}
    for step in steps:
        if step.name in by_name:
            raise PlanError(f"two steps are named {step.name}")
        if isinstance(step, CommandStep) and step.undo and step.reruns_on:
            # A changed trigger replaces the command, and the replaced one runs `undo`.
            raise PlanError(f"{step.name} would be undone when {', '.join(step.reruns_on)} changes")
        by_name[step.name] = step
    for step in by_name.values():
        if missing := {edge.step for edge in step.after} - by_name.keys():
            raise PlanError(f"{step.name} waits for {', '.join(sorted(missing))}, which is not a step of the plan")
    graph = {name: [edge.step for edge in step.after] for name, step in by_name.items()}
    return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())


def check_sites(cluster: Cluster, planned: ClusterPlan) -> None:
    """Checks that no node's site takes a path, unit or kernel setting of the program. Raises ConfigError."""
    found: dict[Problem, None] = {}
    for node in cluster.nodes:
        if node.site != Site():
            others = [step for step in planned.of_node(node.name) if step.component != site.COMPONENT]
            found |= dict.fromkeys(site.problems(cluster, node, others))
    if found:
        raise ConfigError(found)


def check_issued(planned: ClusterPlan) -> None:
    """Checks that each leaf of a node, certificate and key, goes to a file of that node and of no other, and no CA key to any.

    Raises PlanError.
    """
    owners = {leaf.name: leaf.node for leaf in planned.leaves}
    if len(owners) != len(planned.leaves):
        raise PlanError("two leaves have the same name")
    shared = {*CA, *SharedKey}
    placed = set()
    for step in planned.steps:
        if not isinstance(step, NodeStateStep):
            continue
        for file in step.issued:
            if file.path in step.state.files:
                raise PlanError(f"{step.name}: {file.path} is both rendered and issued")
            if file.text.of in shared:
                if file.text.of in {*CA} and file.text.part is not Part.CERTIFICATE:
                    raise PlanError(f"{step.name}: {file.path} would put a CA key on a node")
                continue
            if owners.get(file.text.of) != step.node:
                raise PlanError(f"{step.name}: {file.path} holds {file.text.of}, which is not a leaf of {step.node}")
            placed.add((file.text.of, file.text.part))
    for leaf in planned.leaves:
        for part in (Part.CERTIFICATE, Part.PRIVATE_KEY):
            if leaf.node is not None and (leaf.name, part) not in placed:
                raise PlanError(f"the {part} of {leaf.name} goes to no file of {leaf.node}")
