"""Reads the site's settings of three levels, merges them for each node, and renders templates with the node's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cluster.config.kinds import read
from cluster.config.model import ClusterName, KubernetesKeys, Network, Node, Role
from cluster.config.reader import Reader, Scope
from cluster.config.site_model import Site, SiteFile, SiteUnit
from nodestate import Secret, Text
from nodestate.secret import known_text

T = TypeVar("T")
SITE = "site"
PLAIN = ("sysctls", "hosts", "trusted_cas")
"""The mappings whose values are text."""


@dataclass(frozen=True)
class Level:
    """The settings of one level, with the path of its section."""

    path: str
    site: Site


@dataclass
class Levels:
    """The levels of all nodes, from the widest to the narrowest."""

    everywhere: Level = field(default_factory=lambda: Level(SITE, Site()))
    roles: dict[Role, Level] = field(default_factory=dict)
    nodes: dict[str, Level] = field(default_factory=dict)

    def of(self, node: Node) -> list[Level]:
        """The levels that a node has."""
        found = [self.everywhere, self.roles.get(node.role), self.nodes.get(node.name)]
        return [level for level in found if level is not None]


def read_levels(top: Reader) -> Levels:
    """The levels for all nodes and for roles."""
    reader = top.object(SITE)
    levels = Levels(Level(SITE, read(reader, Site)))
    roles = reader.object("roles")
    for role in Role:
        if roles.has(role):
            levels.roles[role] = read_level(roles, role)
    roles.finish()
    reader.finish()
    return levels


def read_level(reader: Reader, key: str) -> Level:
    """The level of a role or a node: the section below `key`."""
    below = reader.object(key)
    site = read(below, Site)
    below.finish()
    return Level(reader.at(key), site)


@dataclass(frozen=True)
class Facts:
    """The parts of the cluster that templates can use."""

    names: ClusterName
    network: Network
    kubernetes: KubernetesKeys
    nodes: Sequence[Node]

    def of(self, node: Node) -> dict[str, Any]:
        """The variables `node` and `cluster` of a node's templates, named as in the configuration."""
        cluster = {
            "name": self.names.name,
            "domain": self.names.domain,
            "podCIDR": str(self.network.pod_cidr),
            "serviceCIDR": str(self.network.service_cidr),
            "clusterDNS": str(self.network.cluster_dns),
            "version": self.kubernetes.version,
            "internalEndpoint": self.kubernetes.internal_endpoint,
            "controlPlaneEndpoint": str(self.kubernetes.control_plane_endpoint),
            "nodes": [_node(one) for one in self.nodes],
        }
        return {"node": _node(node), "cluster": cluster}


def _node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "role": str(node.role),
        "address": str(node.address),
        "labels": dict(node.labels),
        "taints": [str(taint) for taint in node.taints],
        "podCIDR": str(node.pod_cidr or ""),
    }


def with_sites(nodes: Sequence[Node], levels: Levels, facts: Facts, scope: Scope) -> tuple[Node, ...]:
    """The nodes with their merged settings. Notes an error for each template that cannot be rendered."""
    return tuple(replace(node, site=_merged(levels.of(node), facts.of(node), scope)) for node in nodes)


def _merged(levels: Sequence[Level], facts: Mapping[str, Any], scope: Scope) -> Site:
    files: dict[str, SiteFile | None] = {}
    units: dict[str, SiteUnit | None] = {}
    plain: dict[str, dict[str, str | int | None]] = {part: {} for part in PLAIN}
    modules: dict[str, None] = {}
    lists: dict[str, Any] = {"time_servers": None, "resolvers": None}
    origins: dict[str, str] = {}
    for level in levels:
        for part in ("files", "units", *PLAIN):
            origins |= {f"{part}.{name}": level.path for name in getattr(level.site, part)}
        files |= {
            path: file and _rendered(file, f"{level.path}.files.{path}", facts, scope)
            for path, file in level.site.files.items()
        }
        units |= {
            name: unit and _rendered(unit, f"{level.path}.units.{name}", facts, scope)
            for name, unit in level.site.units.items()
        }
        for part, entries in plain.items():
            entries |= getattr(level.site, part)
        lists |= {part: given for part in lists if (given := getattr(level.site, part)) is not None}
        modules |= dict.fromkeys(level.site.kernel_modules)
    texts: dict[str, Any] = {part: _kept(entries) for part, entries in plain.items()}
    return Site(
        files=_kept(files),
        units=_kept(units),
        **texts,
        **lists,
        kernel_modules=tuple(modules),
        origins=origins,
    )


def _kept(entries: Mapping[str, T | None]) -> dict[str, T | None]:
    return {name: entry for name, entry in entries.items() if entry is not None}


def _rendered(entry: Any, path: str, facts: Mapping[str, Any], scope: Scope) -> Any:
    """A file or unit with its text in place of its template."""
    if entry.template is None or scope.failed(path):
        return entry
    return replace(entry, content=_text(entry.template, f"{path}.template", facts, scope), template=None)


def _text(template: Text, key: str, facts: Mapping[str, Any], scope: Scope) -> Text:
    text = known_text(template)
    if text is None:
        return template
    secret = isinstance(template, Secret)
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    try:
        rendered = environment.from_string(text).render(facts)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, OverflowError) as error:
        line = getattr(error, "lineno", None)
        reason = "its text is a secret" if secret else str(error)
        where = f"line {line}: " if line else ""
        scope.error(key, f"cannot be rendered for {facts['node']['name']}: {where}{reason}")
        return template
    return Secret(rendered) if secret else rendered
