"""Kubernetes' own kinds: whether each is namespaced. tests/api compares the table with the API server's own answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from nodestate.vocabulary import object_name

Kind = tuple[str, str]
"""Group and kind."""


@cache
def builtin() -> dict[Kind, bool]:
    """Whether each kind of Kubernetes itself is namespaced."""
    listed = json.loads(Path(__file__).with_suffix(".json").read_text())
    return {_kind(one): scope == "namespaced" for scope, kinds in listed.items() for one in kinds}


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The group and kind of a manifest."""
    group, slash, _ = manifest["apiVersion"].partition("/")
    return group if slash else "", manifest["kind"]


def defined(manifests: Iterable[Mapping[str, Any]]) -> dict[Kind, bool]:
    """Whether each custom resource is namespaced whose definition is among the manifests."""
    found = {}
    for one in manifests:
        spec = one.get("spec")
        if one["kind"] != "CustomResourceDefinition" or not isinstance(spec, Mapping):
            continue
        names = spec.get("names")
        if isinstance(names, Mapping):
            found[str(spec.get("group")), str(names.get("kind"))] = spec.get("scope") == "Namespaced"
    return found


def identity(manifest: Mapping[str, Any]) -> str:
    """The identity of a manifest's object, as the provider names it."""
    (group, kind), metadata = kind_of(manifest), manifest["metadata"]
    return object_name(kind, group, metadata.get("namespace") or "", metadata["name"])


def _kind(text: str) -> Kind:
    kind, _, group = text.partition(".")
    return group, kind
