"""Reads the add-ons: their records, their manifests, and the order in which they are applied."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cluster.config import add_on_model, api_kinds, manifests, pinned
from cluster.config.add_on_model import AddOn
from cluster.config.kinds import read
from cluster.config.manifests import BadManifest, Manifest
from cluster.config.reader import Reader

DNS, NODES = "dns", "nodes"
API_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
"""The namespaces that the API server makes by itself."""

ENDINGS = (".json", ".yaml", ".yml")
OWN_OBJECTS = frozenset(
    {
        *("ClusterRoleBinding plumbline:cluster-admins", "ClusterRoleBinding plumbline:kubelet-api"),
        *("ClusterRole plumbline:coredns", "ClusterRoleBinding plumbline:coredns"),
        *("ServiceAccount kube-system/coredns", "ConfigMap kube-system/coredns", "Deployment kube-system/coredns"),
        *("Service kube-system/kube-dns", "PodDisruptionBudget kube-system/coredns"),
    }
)
"""The objects of the program's own sets."""


@dataclass(frozen=True)
class _Placed:
    """A manifest with the key and the place that its errors name."""

    key: str
    place: str
    manifest: Manifest


def read_add_ons(top: Reader) -> tuple[AddOn, ...]:
    """Every add-on with its objects, in configured order. Reads their files, and downloads those that are not in the cache."""
    reader = top.object("addOns")
    add_ons, placed = [], {}
    for name in top.mapping("addOns"):
        if (wrong := add_on_model.name(name)) is not None:
            reader.error(name, wrong)
        record = reader.object(name, "<name>")
        add_on = read(record, AddOn, name=name)
        record.finish()
        add_ons.append(add_on)
        placed[name] = list(_manifests(add_on, record)) if reader.scope.reads_files and not reader.failed(name) else []
    before = _order(add_ons, reader)
    objects = _Objects(reader, placed, before)
    return tuple(replace(one, objects=objects.of(one)) for one in add_ons)


def _manifests(add_on: AddOn, record: Reader) -> Iterator[_Placed]:
    """The manifests of an add-on."""
    count = 0
    for key, place, data in _sources(add_on, record):
        try:
            found = manifests.documents(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            record.error(key, f"{place}: is not UTF-8 text")
        except BadManifest as error:
            record.error(key, f"{place}: {error}")
        else:
            count += len(found)
            yield from (_Placed(key, f"{place}, {one.place}", one.manifest) for one in found)
    key = "files" if add_on.files else "url"
    if not count and not any(record.failed(one) for one in ("files", "url", "sha256")):
        record.error(key, "has no object: at least one is needed")


def _sources(add_on: AddOn, record: Reader) -> Iterator[tuple[str, str, bytes]]:
    """The key, name and content of each file."""
    if add_on.url:
        try:
            yield "url", add_on.url, pinned.content(add_on.url, add_on.sha256)
        except pinned.Unavailable as error:
            record.error("sha256" if isinstance(error, pinned.OtherChecksum) else "url", str(error))
    root = record.scope.root.resolve()
    for number, path in enumerate(add_on.files):
        key, whole = f"files[{number}]", (root / path).resolve()
        if not whole.is_relative_to(root):
            record.error(key, f"{path} is not below the project's folder: copy it there")
            continue
        try:
            files = sorted(one for one in whole.iterdir() if one.suffix in ENDINGS) if whole.is_dir() else [whole]
            if not files:
                record.error(key, f"{path} has no file *{', *'.join(ENDINGS)}")
            for file in files:
                yield key, str(file.relative_to(root)), file.read_bytes()
        except OSError as error:
            record.error(key, f"{path} cannot be read: {(error.strerror or 'error').lower()}")


def _order(add_ons: Iterable[AddOn], reader: Reader) -> dict[str, set[str]]:
    """The names that each add-on comes after, directly or not. Notes unknown names and cycles."""
    known = {one.name: one for one in add_ons}
    graph: dict[str, set[str]] = {DNS: {NODES}, NODES: {name for name, one in known.items() if one.before_nodes}}
    for name, one in known.items():
        graph[name] = set() if one.before_nodes else {NODES}
        for number, other in enumerate(one.after):
            key = f"{name}.after[{number}]"
            if other == name:
                reader.error(key, f"'{other}' is the add-on itself")
            elif other == DNS or other in known:
                graph[name].add(other)
            else:
                allowed = [DNS, *(one for one in known if one != name)]
                reader.error(key, f"'{other}' is no add-on; known here: {', '.join(allowed)}")
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        found: list[str] = error.args[1][1:]
        first = next(name for name in known if name in found)
        start = found.index(first)
        cycle = [*found[start:], *found[:start], first]
        reader.error(f"{first}.after", f"gives a cycle: {' before '.join(cycle)}" + _hint(cycle))
        return {name: set() for name in known}
    before: dict[str, set[str]] = {}
    for name in order:
        before[name] = graph[name].union(*(before[one] for one in graph[name]))
    return before


def _hint(cycle: Iterable[str]) -> str:
    return "; an add-on with beforeNodes can come after others with beforeNodes only" if NODES in cycle else ""


class _Objects:
    """Checks the manifests of all add-ons, and completes them."""

    def __init__(self, reader: Reader, placed: Mapping[str, list[_Placed]], before: Mapping[str, set[str]]) -> None:
        self._reader, self._placed, self._before = reader, placed, before
        self._defined = {name: api_kinds.defined(one.manifest for one in found) for name, found in placed.items()}
        self._seen: dict[str, tuple[str, str]] = {}
        self._namespaces = {
            one.manifest["metadata"]["name"]: name
            for name, found in placed.items()
            for one in found
            if api_kinds.kind_of(one.manifest) == ("", "Namespace")
        }

    def of(self, add_on: AddOn) -> tuple[Mapping[str, Any], ...]:
        """The objects of one add-on, with its namespace if nothing else has it. Notes every error."""
        found = []
        for one in self._placed[add_on.name]:
            complete = self._completed(add_on, one)
            if complete is not None and self._new(add_on, one, complete):
                found.append(complete)
        namespace = add_on.namespace
        if not found or not namespace or namespace in API_NAMESPACES:
            return tuple(found)
        owner = self._namespaces.setdefault(namespace, add_on.name)
        if owner != add_on.name:
            if owner not in self._before[add_on.name]:
                self._reader.error(
                    f"{add_on.name}.namespace",
                    f"'{namespace}' is an object of add-on {owner}: add {owner} to addOns.{add_on.name}.after",
                )
        elif not any(api_kinds.identity(one) == f"Namespace {namespace}" for one in found):
            found.insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        return tuple(found)

    def _completed(self, add_on: AddOn, one: _Placed) -> Manifest | None:
        """The manifest with its namespace."""
        metadata, kind = one.manifest["metadata"], one.manifest["kind"]
        shown = f"{kind} {metadata['name']}"
        namespaced = self._namespaced(add_on, one, shown)
        if namespaced is None:
            return None
        if not namespaced and "namespace" in metadata:
            self._error(add_on, one, f"{shown} has a namespace, and its kind has none: remove metadata.namespace")
            return None
        if not namespaced or metadata.get("namespace"):
            return one.manifest
        if not add_on.namespace:
            what = f"{shown} has no metadata.namespace: set it, or addOns.{add_on.name}.namespace for all"
            self._error(add_on, one, what)
            return None
        return {**one.manifest, "metadata": {**metadata, "namespace": add_on.namespace}}

    def _namespaced(self, add_on: AddOn, one: _Placed, shown: str) -> bool | None:
        """Whether the object's kind is namespaced; None after an error."""
        group, kind = wanted = api_kinds.kind_of(one.manifest)
        if (own := api_kinds.builtin().get(wanted)) is not None:
            return own
        for name, kinds in self._defined.items():
            if wanted in kinds:
                if name != add_on.name and name not in self._before[add_on.name]:
                    self._error(
                        add_on,
                        one,
                        f"{shown}: its definition is in add-on {name}: add {name} to addOns.{add_on.name}.after",
                    )
                return kinds[wanted]
        group_kinds = [known for other, known in api_kinds.builtin() if other == group]
        if not group_kinds and one.manifest["metadata"].get("namespace"):
            return True  # its definition is made by a controller
        version = one.manifest["apiVersion"]
        near = difflib.get_close_matches(kind, group_kinds, n=1, cutoff=0.6)
        self._error(
            add_on,
            one,
            f"{shown}: {version} has no kind {kind}; did you mean {near[0]}?"
            if near
            else f"{shown}: {kind} of {version} is no kind of Kubernetes, and no add-on has its CustomResourceDefinition: add that "
            "to this add-on, or to one that it comes `after`",
        )
        return None

    def _new(self, add_on: AddOn, one: _Placed, complete: Manifest) -> bool:
        """Whether the object is one that this add-on may have, and nothing else has."""
        text = api_kinds.identity(complete)
        if text.startswith("Node "):
            self._error(add_on, one, f"{text} is a node: set `nodes.<name>.labels` and `nodes.<name>.taints` instead")
        elif text in OWN_OBJECTS:
            self._error(add_on, one, f"{text} is an object of the program's own: remove it")
        elif text.startswith("Namespace ") and complete["metadata"]["name"] in API_NAMESPACES:
            self._error(
                add_on, one, f"{text} is made by the API server: remove it, it would be deleted with the add-on"
            )
        elif text in self._seen:
            other, place = self._seen[text]
            self._error(add_on, one, f"{text} is in {place} of addOns.{other} already: remove one of them")
        else:
            self._seen[text] = (add_on.name, one.place)
            return True
        return False

    def _error(self, add_on: AddOn, one: _Placed, text: str) -> None:
        self._reader.error(f"{add_on.name}.{one.key}", f"{one.place}: {text}")
