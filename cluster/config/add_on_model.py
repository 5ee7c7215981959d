"""The addOns section: sets of objects that users bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.config import syntax
from cluster.config.declare import Check, key, rule

OWN_SETS = ("dns", "nodes", "rbac")
"""The names of the program's own sets."""

Objects = tuple[Mapping[str, Any], ...]
"""Manifests as plain data, each of another object. The data of a Secret are nodestate.Secret."""


def name(value: str) -> str | None:
    """The error of an add-on's name."""
    if value in OWN_SETS:
        return f"'{value}' is the name of one of the program's own sets: give the add-on another name"
    return syntax.dns_label(value)


def _url(value: str) -> str | None:
    if "@" in value.partition("://")[2].partition("/")[0]:
        return "has a user or password in it: errors and logs name the URL, so give one that needs none"
    return syntax.http_url(value)


@dataclass(frozen=True, kw_only=True)
class AddOn:
    """Your own sets of API objects, as records by name: from `files`, or from a `url` that `sha256` pins. Each set is planned,
    applied, repaired and pruned as a whole. Removing a record deletes its objects."""

    name: str
    objects: Objects = ()
    files: tuple[Path, ...] = key(
        (),
        doc="Files below the project with YAML or JSON manifests, or folders: their files `*.yaml`, `*.yml` and `*.json`.",
        example="[manifests/metrics-server.yaml]",
    )
    url: str = key(
        "",
        check=Check("a http:// or https:// URL without a user", _url, syntax.HTTP_URL),
        doc="One file of manifests to download instead; needs `sha256`. It is kept in the cache, and downloaded once.",
    )
    sha256: str = key(
        "", check=Check("a sha256", syntax.sha256, syntax.SHA256.pattern), doc="The checksum of the file at `url`."
    )
    namespace: str = key(
        "",
        check=Check("a DNS label: 1 to 63 of a-z, 0-9 and -", syntax.dns_label, syntax.DNS_LABEL.pattern),
        doc="The namespace of namespaced objects that have none. If no manifest has it, the set creates it.",
    )
    wait: int = key(
        300,
        0,
        3600,
        unit="s",
        doc="How long workloads and definitions get until they are ready, and deleted namespaces until they have gone; 0: no wait.",
    )
    after: tuple[str, ...] = key(
        (),
        doc="Add-ons that must be applied first, or `dns`. Without it an add-on comes after all nodes are Ready, like DNS.",
        example="[cert-manager]",
    )
    before_nodes: bool = key(
        False,
        doc="Applied as soon as the API answers, and no node is waited for until it is: for the CNI plugin with `network.cni: none`.",
    )

    @rule("files", "url", "sha256")
    def _one_origin(self) -> str | None:
        if self.files and (self.url or self.sha256):
            return "cannot be combined with url and sha256: use one of them"
        if not (self.files or self.url or self.sha256):
            return "is missing: files or folders of manifests, or url and sha256 instead"
        return None

    @rule("sha256", "url")
    def _pinned(self) -> str | None:
        if self.url and not self.sha256:
            return f"is missing: the checksum of the file at {self.url}, as printed by `sha256sum`"
        if self.sha256 and not self.url and not self.files:
            return "is for url, which is not set"
        return None
