"""Manifests as plain data: their identity, the order in which they are applied, and what of them is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodestate import Secret
from nodestate.secret import HIDDEN
from nodestate.vocabulary import object_name, own_group

Manifest = dict[str, Any]
Path = tuple[str, ...]
"""Keys from the object to one of its fields. An item of a list is named by its key, such as `[name=coredns]`, or its number."""

FIRST = (
    *("Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "RuntimeClass", "IngressClass"),
    *("ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"),
    *("Role", "RoleBinding", "Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Service"),
)
"""Kinds that others need, in the order in which they are applied."""

WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet", "ReplicaSet", "Pod", "Job", "CronJob")
LAST = ("APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""Kinds that other requests of the API depend on: applied when the workloads that serve them are there."""

SHOWN = 200
"""Characters of a value in a line. Secret values are never in one."""

SECRET_FIELDS = ("data", "stringData")
"""The fields of a Secret object that are never shown."""


@dataclass(frozen=True, order=True)
class Ref:
    """The identity of an object. The version of its API is not part of it."""

    kind: str
    group: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Ref:
        """The identity of a manifest. Raises KeyError if it has none."""
        group, slash, _ = str(manifest["apiVersion"]).partition("/")
        metadata = manifest["metadata"]
        return cls(
            str(manifest["kind"]), group if slash else "", str(metadata.get("namespace") or ""), str(metadata["name"])
        )

    def __str__(self) -> str:
        return object_name(self.kind, self.group, self.namespace, self.name)


def rank(ref: Ref) -> int:
    """The place of an object's kind in the order of application. Custom resources come last: their controllers must run."""
    for place, kinds in enumerate((FIRST, (), WORKLOADS, LAST)):
        if ref.kind in kinds:
            return place * 100 + kinds.index(ref.kind)
    return 100 if is_builtin(ref) else 900


def is_builtin(ref: Ref) -> bool:
    """Whether Kubernetes itself has the kind."""
    return own_group(ref.group)


def is_secret(ref: Ref, path: Path, wanted: Any = None) -> bool:
    """Whether the value of a field must not be shown."""
    return isinstance(wanted, Secret) or (ref.kind == "Secret" and bool(path) and path[0] in SECRET_FIELDS)


def revealed(value: Any) -> Any:
    """The manifest as it is sent: secrets in clear, without fields that are null."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: revealed(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [revealed(one) for one in value]
    return value


def secret_paths(manifest: Any, path: Path = ()) -> Iterator[Path]:
    """The fields of a manifest that are secrets of the program."""
    if isinstance(manifest, Secret):
        yield path
    elif isinstance(manifest, Mapping):
        for key, one in manifest.items():
            yield from secret_paths(one, (*path, key))
    elif isinstance(manifest, list):
        for number, one in enumerate(manifest):
            yield from secret_paths(one, (*path, _item(one, number)))


def secrets(value: Any) -> Iterator[Secret]:
    """The secrets of the program in a manifest, and all data of a Secret."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if value.get("kind") == "Secret" and key in SECRET_FIELDS and isinstance(one, Mapping):
                yield from (text if isinstance(text, Secret) else Secret(str(text)) for text in one.values())
            else:
                yield from secrets(one)
    elif isinstance(value, list):
        for one in value:
            yield from secrets(one)


def differences(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Each field that differs, with both values; None for one that is not there."""
    # A map that is not there has no fields: those of the other are named one by one.
    old, new = (
        {} if one is None and other and isinstance(other, Mapping) else one for one, other in ((old, new), (new, old))
    )
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *[key for key in new if key not in old]]:
            yield from differences(old.get(key), new.get(key), (*path, key))
    elif _named(old) and _named(new):
        before = {_item(one, number): one for number, one in enumerate(old)}
        after = {_item(one, number): one for number, one in enumerate(new)}
        for key in [*before, *[key for key in after if key not in before]]:
            yield from differences(before.get(key), after.get(key), (*path, key))
    elif old != new:
        yield path, old, new


def shown_path(path: Path) -> str:
    """`spec.template.spec.containers[name=coredns].image`. A key with dots is in brackets, as in a JSONPath."""
    text = ""
    for key in path:
        if key.startswith("["):
            text += key
        elif "." in key or "/" in key:
            text += f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text


def shown_value(value: Any) -> str:
    """A field's value on one line, cut off after SHOWN characters."""
    if isinstance(value, Secret):
        return HIDDEN
    text = value if isinstance(value, str) and "\n" not in value else json.dumps(value, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _named(value: Any) -> bool:
    """Whether a list is one of records that have their own names."""
    return isinstance(value, list) and all(isinstance(one, Mapping) and "name" in one for one in value)


def _item(value: Any, number: int) -> str:
    return f"[name={value['name']}]" if isinstance(value, Mapping) and "name" in value else f"[{number}]"
