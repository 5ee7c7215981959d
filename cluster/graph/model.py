"""The plan as boxes, columns and arrows, without any geometry.

A box is one component of one node, or of several nodes with equal components. Each row of the picture comes after the
rows above it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter

from cluster.config.model import Cluster, Node, Role
from cluster.plan import ClusterPlan, plan
from cluster.step import CA, NodeStateStep, SharedKey, Step
from nodestate.names import names

Edge = tuple[str, str]
"""The keys of the box that waits and of the box that it waits for."""


@dataclass(frozen=True, eq=False)
class Column:
    """Nodes with equal components; without nodes, the steps that are no node's."""

    nodes: tuple[Node, ...]

    @property
    def name(self) -> str:
        """The names of its nodes, many of them in few words and without their number."""
        return names(node.name for node in self.nodes).partition(":")[0] if self.nodes else "cluster"

    @property
    def about(self) -> tuple[str, ...]:
        """Role, and address or number of nodes."""
        if not self.nodes:
            return ("for all nodes",)
        role = "control plane" if self.control_plane else "worker"
        return role, str(self.nodes[0].address) if len(self.nodes) == 1 else f"{len(self.nodes)} nodes"

    @property
    def control_plane(self) -> bool:
        """Whether its nodes are control-plane nodes."""
        return bool(self.nodes) and self.nodes[0].role is Role.CONTROL_PLANE


@dataclass(frozen=True)
class Box:
    """A component. `row` counts from 0; `issued` are the numbers of its certificates by CA, and of shared keys."""

    key: str
    column: Column
    row: int
    component: str
    runs_once: bool
    units: tuple[str, ...]
    files: int
    issued: tuple[tuple[str, int], ...]
    waits: tuple[str, ...]


@dataclass(frozen=True)
class Arrow:
    """All of `targets` wait for all of `sources`: keys of boxes. `reasons` are those of each target."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    reasons: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Group:
    """Certificates of one CA, or shared keys: their number, and their names by the nodes that have them."""

    of: str
    name: str
    count: int
    members: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Graph:
    """Everything that the picture shows."""

    name: str
    version: str
    columns: tuple[Column, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    groups: tuple[Group, ...]


def graph(cluster: Cluster, fold: bool = False) -> Graph:
    """The graph of a cluster. Workers with equal components share a column.

    With `fold`, control-plane nodes do, too, and no two steps of the whole cluster are beside each other.
    """
    planned = plan(cluster)
    columns = _columns(cluster, planned, fold)
    of_node = {node.name: column for column in columns for node in column.nodes}
    key_of = {step.name: _key(step, of_node) for step in planned.steps}
    edges: dict[Edge, dict[str, None]] = {}
    for step, before, reason in planned.edges():
        edges.setdefault((key_of[step.name], key_of[before.name]), {})[reason] = None
    first: dict[str, Step] = {}
    for step in planned.steps:
        first.setdefault(key_of[step.name], step)
    rows = _rows(first, edges)
    if fold:
        rows = _stacked(rows, [key for key, step in first.items() if _owner(step) is None])
    boxes = tuple(
        _box(planned, step, key, of_node.get(_owner(step) or "", columns[-1]), rows[key], edges)
        for key, step in first.items()
    )
    return Graph(
        cluster.name,
        cluster.kubernetes.version,
        columns,
        boxes,
        tuple(_arrows(boxes, edges)),
        tuple(_groups(planned)),
    )


def _columns(cluster: Cluster, planned: ClusterPlan, fold: bool) -> tuple[Column, ...]:
    found: dict[object, list[Node]] = {}
    for node in sorted(cluster.nodes, key=lambda node: node.role is not Role.CONTROL_PLANE):
        alone = node.role is Role.CONTROL_PLANE and not fold
        found.setdefault(node.name if alone else (node.role, _shape(planned, node)), []).append(node)
    return (*(Column(tuple(nodes)) for nodes in found.values()), Column(()))


def _shape(planned: ClusterPlan, node: Node) -> frozenset[object]:
    """All that the picture shows of a node's steps, without the names of nodes."""
    found: set[object] = {
        (step.component, *_content(planned, step)) for step in planned.steps if _owner(step) == node.name
    }
    for step, before, reason in planned.edges():
        if _owner(step) == node.name:
            found.add((step.component, before.component, _owner(before) == node.name, reason))
        elif _owner(before) == node.name:
            found.add((step.component, before.component, reason))
    return frozenset(found)


def _content(planned: ClusterPlan, step: Step) -> tuple[tuple[str, ...], int, tuple[tuple[str, int], ...]]:
    """A step's units, the number of its files, and that of its certificates and shared keys by their origin."""
    if not isinstance(step, NodeStateStep):
        return (), 0, ()
    cas = {leaf.name: str(leaf.ca) for leaf in planned.leaves}
    shared = {*SharedKey}
    held = dict.fromkeys(file.text.of for file in step.issued if file.text.of not in {*CA})
    issued = Counter(SHARED if of in shared else cas[of] for of in held)
    return tuple(step.state.units), len(step.state.files) + len(step.issued), tuple(sorted(issued.items()))


def _owner(step: Step) -> str | None:
    return step.node if isinstance(step, NodeStateStep) else step.owner


def _key(step: Step, of_node: dict[str, Column]) -> str:
    owner = _owner(step)
    return f"{of_node[owner].name} {step.component}" if owner else step.name


def _rows(keys: Iterable[str], edges: Iterable[Edge]) -> dict[str, int]:
    """The row of each box: the next one after the last of those that it waits for."""
    waits: dict[str, set[str]] = {key: set() for key in keys}
    for target, source in edges:
        waits[target].add(source)
    rows: dict[str, int] = {}
    for key in TopologicalSorter(waits).static_order():
        rows[key] = max((rows[source] + 1 for source in waits[key]), default=0)
    return rows


def _stacked(rows: dict[str, int], keys: list[str]) -> dict[str, int]:
    """The rows, with a further row for each of `keys` that has the same as another one."""
    for index, key in enumerate(keys):
        if rows[key] in [rows[other] for other in keys[:index]]:
            rows = {one: row + (row > rows[key] or one == key) for one, row in rows.items()}
    return rows


def _box(
    planned: ClusterPlan, step: Step, key: str, column: Column, row: int, edges: dict[Edge, dict[str, None]]
) -> Box:
    units, files, issued = _content(planned, step)
    waits = tuple(
        f"{source}: {reason}" for (target, source), reasons in edges.items() if target == key for reason in reasons
    )
    runs_once = not isinstance(step, NodeStateStep)
    return Box(key, column, row, step.component, runs_once, units, files, issued, waits)


def direct(edges: Iterable[Edge]) -> set[Edge]:
    """The edges that no other edges imply."""
    waits: dict[str, set[str]] = {}
    for target, source in edges:
        waits.setdefault(target, set()).add(source)
    every: dict[str, set[str]] = {}
    for key in TopologicalSorter(waits).static_order():
        every[key] = waits.get(key, set()).union(*(every[one] for one in waits.get(key, ())))
    return {
        (target, source)
        for target, sources in waits.items()
        for source in sources
        if not any(source in every[other] for other in sources)
    }


def _arrows(boxes: tuple[Box, ...], edges: dict[Edge, dict[str, None]]) -> Iterator[Arrow]:
    """One arrow per edge within a column; one for all edges from the same boxes of a component to boxes of one row."""
    kept = direct(edges)
    by_key = {box.key: box for box in boxes}
    across: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for box in boxes:
        sources = [one.key for one in boxes if (box.key, one.key) in kept]
        for component in dict.fromkeys(by_key[one].component for one in sources):
            same = tuple(one for one in sources if by_key[one].component == component)
            if [by_key[one].column for one in same] == [box.column]:
                yield Arrow(same, (box.key,), (tuple(edges[box.key, same[0]]),))
            else:
                across.setdefault((same, box.row), []).append(box.key)
    for (same, _), targets in across.items():
        reasons = tuple(tuple(dict.fromkeys(why for one in same for why in edges[target, one])) for target in targets)
        yield Arrow(same, tuple(targets), reasons)


SHARED = "shared"
"""The origin of keys that no CA signs."""


def _groups(planned: ClusterPlan) -> Iterator[Group]:
    """The certificates by CA, then the keys that control-plane nodes share."""
    for ca, subject in planned.cas.items():
        nodes: dict[str, dict[str, None]] = {}
        leaves = [leaf for leaf in planned.leaves if leaf.ca is ca]
        for leaf in leaves:
            name = leaf.name.removeprefix(f"{leaf.node}-")
            nodes.setdefault(name, {})[leaf.node or ""] = None
        yield Group(str(ca), subject.common_name, len(leaves), _members(nodes))
    holders: dict[str, dict[str, None]] = {}
    for step in planned.steps:
        if not isinstance(step, NodeStateStep):
            continue
        for file in step.issued:
            if file.text.of in {*SharedKey}:
                holders.setdefault(str(file.text.of), {})[step.node] = None
    yield Group(SHARED, "shared keys", len(holders), _members(holders))


def _members(nodes: dict[str, dict[str, None]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for name, holders in nodes.items():
        where = names(holders) if "" not in holders else "on no node"
        found.setdefault(where, []).append(name)
    return tuple((where, tuple(listed)) for where, listed in found.items())
