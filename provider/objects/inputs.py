"""The inputs of an ObjectSet, from the engine's properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodestate import Connection, Secret, from_wire
from nodestate.secret import is_unknown
from nodestate.wire import partly_unknown
from provider.objects.connection import PORT, Server
from provider.objects.manifest import Manifest, Ref
from provider.objects.servers import Access

OBJECTS = "objects"
"""The input with the manifests, by the text of their identity. As an output it has what the API has of their fields."""

WAIT_SECONDS = 300


@dataclass(frozen=True)
class ObjectSet:
    """A set: its name, its manifests, and the managers from which fields are taken.

    `access` is None while it is not known yet: the nodes or the certificate are created in the same run.
    """

    name: str
    objects: Mapping[Ref, Manifest]
    access: Access | None
    take_from: frozenset[str] = frozenset()
    wait_seconds: int = WAIT_SECONDS


def object_set(data: Mapping[str, Any]) -> ObjectSet:
    """The set that inputs, or a stored state, describe."""
    given = data.get(OBJECTS) or {}
    objects = {Ref.of(one): one for one in given.values()} if isinstance(given, Mapping) else {}
    return ObjectSet(
        str(data.get("name", "")),
        objects,
        access(data),
        frozenset(map(str, data.get("takeFrom") or [])),
        int(data.get("waitSeconds", WAIT_SECONDS)),
    )


def access(data: Mapping[str, Any]) -> Access | None:
    """The way to the API that inputs give; None while it is not known."""
    servers, kubeconfig = data.get("servers"), data.get("kubeconfig")
    if not servers or kubeconfig is None or partly_unknown(servers) or is_unknown(kubeconfig):
        return None
    known = kubeconfig if isinstance(kubeconfig, Secret) else Secret(str(kubeconfig))
    return Access(tuple(map(_server, servers)), known)


def _server(one: Mapping[str, Any]) -> Server:
    connection = from_wire(Connection, one["connection"])
    return Server(str(one["node"]), str(one["address"]), connection, int(one.get("port") or PORT))


def problems(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The errors of inputs, each with its key."""
    given = data.get(OBJECTS)
    if given is None or is_unknown(given):
        return []
    found: list[tuple[str, str]] = []
    if not isinstance(given, Mapping):
        return [(OBJECTS, "is not a map of manifests")]
    for key, one in given.items():
        try:
            ref = Ref.of(one)
        except (KeyError, TypeError, AttributeError):
            found.append((f"{OBJECTS}[{key}]", "has no apiVersion, kind and metadata.name"))
            continue
        if str(ref) != key:
            found.append((f"{OBJECTS}[{key}]", f"is {ref}"))
    return found
