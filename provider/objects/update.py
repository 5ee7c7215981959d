"""Carries out the plan of a set: objects are applied in order, waited for, and pruned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from nodestate import vocabulary as words
from provider.engine import Log
from provider.errors import NodeError
from provider.objects import wait
from provider.objects.connection import ApiRefused
from provider.objects.inputs import ObjectSet
from provider.objects.manifest import Ref, is_builtin
from provider.objects.plan import DELETE, ObjectChange, SetPlan, apply
from provider.objects.servers import Requests

KIND_SECONDS = 30
"""How long the API gets to serve a kind whose definition it has accepted."""


class Update:
    """Carries out the plan of one set."""

    def __init__(self, api: Requests, wanted: ObjectSet, former: ObjectSet | None, log: Log) -> None:
        self._api, self._wanted, self._former, self._log = api, wanted, former, log

    async def make(self, plan: SetPlan) -> None:
        """Makes the changes. Custom resources are applied once the workloads that handle them are there.

        Raises NodeError naming set and object; what was applied before stays.
        """
        first = [one for one in plan.changes if one.operation != DELETE and is_builtin(one.ref)]
        custom = [one for one in plan.changes if one.operation != DELETE and not is_builtin(one.ref)]
        for change in first:
            await self._make(change)
        # Of all: a workload that an earlier run gave up on is waited for again.
        await self._wait_for(ref for ref in self._wanted.objects if is_builtin(ref))
        for change in custom:
            await self._make(change)
        deleted = [change.ref for change in plan.changes if change.operation == DELETE]
        for ref in deleted:
            await self.remove(ref)
        if self._former is not None:
            await self._wait_for_probes(
                (ref, wait.gone(self._api, self._former.objects[ref])) for ref in deleted if ref.kind == "Namespace"
            )

    async def remove(self, ref: Ref) -> None:
        """Deletes an object of the former set, if it is there."""
        assert self._former is not None
        manifest = self._former.objects[ref]
        try:
            path = await self._api.place(manifest)
            if path is not None and await self._api.get(path) is not None:
                await self._log(words.changing(self._wanted.name, DELETE, ref))
                await self._api.send("DELETE", path, propagationPolicy="Background")
        except ApiRefused as error:
            if error.code != 404:
                raise NodeError(f"set {self._wanted.name}: {ref} is not deleted: {error}") from None

    async def _make(self, change: ObjectChange) -> None:
        ref = change.ref
        try:
            path = await self._place(change)
            await self._log(words.changing(self._wanted.name, change.operation, ref))
            await apply(self._api, path, change.apply, dry=False, force=bool(change.taken or change.left))
            if ref.kind == "CustomResourceDefinition":
                await self._wait_for([ref])
        except NodeError as error:
            raise NodeError(f"set {self._wanted.name}: {ref}: {error}") from None

    async def _place(self, change: ObjectChange) -> str:
        deadline = asyncio.get_running_loop().time() + KIND_SECONDS
        while (path := await self._api.place(change.apply)) is None:
            if change.note or asyncio.get_running_loop().time() > deadline:
                raise NodeError(
                    f"the API has no {change.ref.kind} of {change.apply['apiVersion']}: apply its definition first, "
                    "in this set or in one that this one comes `after`"
                )
            await asyncio.sleep(wait.POLL_SECONDS)
        return path

    async def _wait_for(self, refs: Iterable[Ref]) -> None:
        await self._wait_for_probes((ref, wait.readiness(self._api, ref, self._wanted.objects[ref])) for ref in refs)

    async def _wait_for_probes(self, probes: Iterable[tuple[Ref, wait.Probe | None]]) -> None:
        seconds = self._wanted.wait_seconds
        if seconds:
            await _all(
                wait.until(probe, seconds, f"set {self._wanted.name}: {ref}", self._log)
                for ref, probe in probes
                if probe is not None
            )


async def _all(waits: Iterable[object]) -> None:
    """Waits for all, and raises the first failure once each has ended."""
    results = await asyncio.gather(*waits, return_exceptions=True)  # type: ignore[call-overload]
    failed = [str(one) for one in results if isinstance(one, NodeError)]
    for one in results:
        if isinstance(one, BaseException) and not isinstance(one, NodeError):
            raise one
    if failed:
        raise NodeError("\n".join(failed))
