"""Checks the user's KubeletConfiguration keys: each value, and the result of the merge with the program's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.config import kubelet_rules, kubelet_schema
from cluster.config.kubelet_base import BASE, OWNED, merge
from cluster.config.kubelet_rules import Merged
from cluster.config.kubelet_schema import Schema
from cluster.config.kubelet_values import check_value
from cluster.config.model import Node
from cluster.config.reader import Scope

UNUSABLE = 3
"""Addresses of a node's podCIDR that no pod can have: network address, gateway and broadcast address."""


def check_kubelet(shared: Mapping[str, Any], nodes: Sequence[Node], version: str, scope: Scope) -> None:
    """Notes an error for each key that the program sets, that is unknown or of another type, or that the kubelet refuses.

    `shared` is merged over the program's configuration on every node, then the node's own keys.
    """
    schema = kubelet_schema.load(version)
    for path, overrides in [("kubelet", shared), *((f"nodes.{node.name}.kubelet", node.kubelet) for node in nodes)]:
        for key, text in _overrides(overrides, schema):
            scope.error(f"{path}.{key}", text)
    for node in nodes:
        own = f"nodes.{node.name}.kubelet"
        if scope.failed("kubelet") or scope.failed(own):
            continue
        merged = Merged(merge(merge(BASE, shared), node.kubelet), schema)
        for key, text in [*kubelet_rules.check(merged), *_pod_addresses(node, merged)]:
            scope.error(f"{own if _has(node.kubelet, key, text) else 'kubelet'}.{key}", text)


def _overrides(overrides: Mapping[str, Any], schema: Schema) -> Iterator[tuple[str, str]]:
    owned = dict(owned_keys(overrides, "", OWNED))
    yield from owned.items()
    for key, text in check_value(schema, kubelet_schema.ROOT, overrides, ""):
        if key not in owned:
            yield key, text


def owned_keys(values: Mapping[str, Any], path: str, owned: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The program's own keys that these values set or remove, each with its error."""
    for name, value in values.items():
        key = f"{path}{name}"
        if key in owned:
            yield key, f"is set by the program: {owned[key]}"
        elif isinstance(value, Mapping):
            yield from owned_keys(value, f"{key}.", owned)
        elif value is None:
            for other, reason in owned.items():
                if other.startswith(f"{key}."):
                    yield key, f"null would remove {other}, which is set by the program: {reason}"


def _pod_addresses(node: Node, merged: Merged) -> Iterator[tuple[str, str]]:
    if node.pod_cidr is None:
        return
    room = node.pod_cidr.num_addresses - UNUSABLE
    if merged.get("maxPods", 110) > room:
        yield (
            "maxPods",
            f"{merged.get('maxPods', 110)} is more than the {room} pod addresses of nodes.{node.name}.podCIDR "
            f"({node.pod_cidr}): lower it, or set a larger podCIDR",
        )


def _has(overrides: Mapping[str, Any], key: str, text: str) -> bool:
    """Whether an error is about a key that the node sets: the error's key, or one that its text names."""
    return any(name == key.partition(".")[0].partition("[")[0] or name in text for name in overrides)
