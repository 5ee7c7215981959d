"""The plan of a set: each object is read, and what an apply would make of it is asked of the API itself (a dry run)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nodestate import vocabulary as words
from provider.errors import NodeError
from provider.objects import fields
from provider.objects.connection import APPLY, ApiRefused, ApiSilent
from provider.objects.fields import Conflict
from provider.objects.inputs import ObjectSet
from provider.objects.manifest import Manifest, Path, Ref, differences, is_secret, rank, revealed, secret_paths, secrets
from provider.objects.servers import Requests

AT_ONCE = 8
"""Requests under way at the same time."""

CREATE, UPDATE, DELETE = "create", "update", "delete"
NOT_COMPARED = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")


@dataclass(frozen=True)
class FieldChange:
    """A field that changes. A secret one has no values."""

    path: Path
    old: Any
    new: Any
    secret: bool = False


@dataclass(frozen=True)
class ObjectChange:
    """An object that changes: `fields` are those whose values change, `left` those that another manager keeps.

    `apply` is the manifest without the fields that are left. With `drift`, the program did not ask for something else.
    """

    ref: Ref
    operation: str
    apply: Manifest
    fields: tuple[FieldChange, ...] = ()
    left: tuple[Conflict, ...] = ()
    taken: tuple[Conflict, ...] = ()
    drift: bool = False
    note: str = ""


@dataclass(frozen=True)
class SetPlan:
    """The changes of a set in the order in which they are made. `live` is what the API has of the fields that are ours, None
    for an object that is not there; `left` are the fields of unchanged objects that another manager keeps."""

    changes: tuple[ObjectChange, ...] = ()
    live: Mapping[Ref, Manifest | None] = field(default_factory=dict)
    left: Mapping[Ref, tuple[Conflict, ...]] = field(default_factory=dict)


async def make_plan(api: Requests, wanted: ObjectSet, former: ObjectSet | None) -> SetPlan:
    """Plans a set from what the API has. `former` is the set as it was applied last. Raises NodeError naming the object."""
    limit = asyncio.Semaphore(AT_ONCE)
    known = former.objects if former is not None else {}
    api.hide(secret for one in (*wanted.objects.values(), *known.values()) for secret in secrets(one))
    planned = _Planner(api, wanted, known)

    async def one(ref: Ref) -> tuple[Ref, ObjectChange | None, Manifest | None, tuple[Conflict, ...]]:
        async with limit:
            try:
                return (ref, *await planned.of(ref))
            except ApiSilent as error:
                raise ApiSilent(f"{ref}: {error}") from None
            except NodeError as error:
                raise NodeError(f"set {wanted.name}: {ref}: {error}") from None

    refs = [*wanted.objects, *[ref for ref in known if ref not in wanted.objects]]
    found = await asyncio.gather(*[one(ref) for ref in refs])
    return SetPlan(
        in_order(change for _, change, _, _ in found if change is not None),
        {ref: live for ref, _, live, _ in found if ref in wanted.objects},
        {ref: left for ref, _, _, left in found if left},
    )


def plan_blindly(wanted: ObjectSet, former: ObjectSet | None) -> SetPlan:
    """The plan against the state, for an API that does not answer."""
    known = former.objects if former is not None else {}
    changes = []
    for ref, manifest in wanted.objects.items():
        if ref not in known:
            changes.append(ObjectChange(ref, CREATE, manifest))
        elif changed := field_changes(ref, known[ref], manifest, manifest):
            changes.append(ObjectChange(ref, UPDATE, manifest, changed))
    changes += [ObjectChange(ref, DELETE, known[ref]) for ref in known if ref not in wanted.objects]
    return SetPlan(in_order(changes))


def in_order(changes: Iterable[ObjectChange]) -> tuple[ObjectChange, ...]:
    """Changes in the order of dependency; deletions come last, in reverse."""
    ordered = sorted(changes, key=lambda one: (rank(one.ref), one.ref))
    made = [one for one in ordered if one.operation != DELETE]
    return (*made, *[one for one in reversed(ordered) if one.operation == DELETE])


class _Planner:
    def __init__(self, api: Requests, wanted: ObjectSet, known: Mapping[Ref, Manifest]) -> None:
        self._api = api
        self._wanted = wanted
        self._known = known

    async def of(self, ref: Ref) -> tuple[ObjectChange | None, Manifest | None, tuple[Conflict, ...]]:
        """The change of one object if there is one, what the API has of it, and the fields that others keep."""
        if ref not in self._wanted.objects:
            return await self._gone(ref), None, ()
        manifest = self._wanted.objects[ref]
        path = await self._api.place(manifest)
        live = await self._api.get(path) if path is not None else None
        if path is None or live is None:
            note = (
                ""
                if path is not None or self._brings_kind(ref)
                else f"the API has no {ref.kind} of {manifest['apiVersion']}"
            )
            drift = self._known.get(ref) == manifest
            return ObjectChange(ref, CREATE, manifest, drift=drift, note=note), None, ()
        part = fields.live_part(live)
        if part is not None and part == revealed(manifest):
            return None, part, ()
        return await self._compared(ref, manifest, path, live, part)

    async def _compared(
        self, ref: Ref, manifest: Manifest, path: str, live: Manifest, part: Manifest | None
    ) -> tuple[ObjectChange | None, Manifest | None, tuple[Conflict, ...]]:
        applied, result, left, taken = await self._dry_run(manifest, path)
        changed = field_changes(ref, _plain(live), _plain(result), manifest)
        # The result of a manifest without fields, such as a ServiceAccount's, has no entry of this manager either.
        if not changed and fields.owned(live) == fields.owned(result):
            return None, part or _identity(live), left
        drift = self._known.get(ref) == manifest
        note = "" if changed else "this program becomes the manager of its fields"
        change = ObjectChange(ref, UPDATE, applied, changed, left, taken, drift=drift, note=note)
        return change, part or _identity(live), left

    async def _dry_run(
        self, manifest: Manifest, path: str
    ) -> tuple[Manifest, Manifest, tuple[Conflict, ...], tuple[Conflict, ...]]:
        """The manifest that is applied, its result, and the fields that are left to other managers, or taken from them."""
        try:
            return manifest, await apply(self._api, path, manifest, dry=True, force=False), (), ()
        except ApiRefused as error:
            if error.code != 409 or not (found := fields.conflicts(error.status)):
                raise
        taken = tuple(one for one in found if one.by_hand or one.manager in self._wanted.take_from)
        left = tuple(one for one in found if one not in taken)
        applied = manifest
        for conflict in left:
            try:
                applied = fields.without(applied, conflict.path)
            except ValueError:
                raise NodeError(f"{conflict}, and the manifest cannot do without it: {remedy(conflict)}") from None
        return applied, await apply(self._api, path, applied, dry=True, force=True), left, taken

    async def _gone(self, ref: Ref) -> ObjectChange:
        """The deletion of an object that the set has no more."""
        manifest = self._known[ref]
        path = await self._api.place(manifest)
        live = await self._api.get(path) if path is not None else None
        return ObjectChange(ref, DELETE, manifest, note="" if live is not None else words.GONE)

    def _brings_kind(self, ref: Ref) -> bool:
        """Whether the set itself has the definition of a custom resource."""
        return any(
            other.kind == "CustomResourceDefinition" and manifest.get("spec", {}).get("group") == ref.group
            for other, manifest in self._wanted.objects.items()
        )


async def apply(api: Requests, path: str, manifest: Manifest, *, dry: bool, force: bool) -> Manifest:
    """A server-side apply; the object as it is then. Raises NodeError."""
    parameters = {"fieldManager": fields.MANAGER, "fieldValidation": "Strict", "force": "true" if force else "false"}
    if dry:
        parameters["dryRun"] = "All"
    return await api.send("PATCH", path, revealed(manifest), content_type=APPLY, **parameters)


def remedy(conflict: Conflict) -> str:
    """The remedy for a field that another manager has."""
    return f"take it with `policy.takeFieldsFrom: [{conflict.manager}]`, or leave it out of the manifest"


def _identity(live: Manifest) -> Manifest:
    metadata = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}


def _plain(live: Mapping[str, Any]) -> Manifest:
    """An object without what the API server writes by itself."""
    metadata = {key: one for key, one in live["metadata"].items() if key not in NOT_COMPARED}
    return {**{key: one for key, one in live.items() if key != "status"}, "metadata": metadata}


def field_changes(ref: Ref, old: Any, new: Any, manifest: Manifest) -> tuple[FieldChange, ...]:
    hidden = set(secret_paths(manifest))
    found = []
    for path, before, after in differences(revealed(old), revealed(new)):
        secret = is_secret(ref, path) or any(path[: len(one)] == one or one[: len(path)] == path for one in hidden)
        found.append(FieldChange(path, None if secret else before, None if secret else after, secret))
    return tuple(found)
