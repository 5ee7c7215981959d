"""The state of one rollout group in one run: its members in their order, which of them are disrupted, done or failed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from nodestate import Rollout, vocabulary

QUIET_SECONDS = 2.0
"""An expected member whose turn it is, and that does not come while nothing else is done for so long, is not waited for: it
may depend on one that waits, or be no target of this run."""

REPLACEMENT_SECONDS = 1800.0
"""How long the others wait for a deleted member to be created again, its new machine included."""


class Quiet:
    """Tells since when nothing happens in this process. Waiting for a slot is not activity. Its clock is monotonic."""

    def __init__(self) -> None:
        self._busy = 0
        self._touched = self._last = time.monotonic()

    def touch(self) -> None:
        """Notes that the engine asked about a resource."""
        self._touched = self._last = time.monotonic()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Surrounds work."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._last = time.monotonic()

    def since_touched(self) -> bool:
        """Whether the engine has asked about no resource for a while."""
        return time.monotonic() - self._touched > QUIET_SECONDS

    def now(self, seconds: float = QUIET_SECONDS) -> bool:
        """Whether nothing is done, and nothing was for so long."""
        return self._busy == 0 and time.monotonic() - self._last > seconds


class Group:
    """One rollout group. Nothing here waits: rollout.py does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done: list[str] = []
        self.failed: list[str] = []
        self.replacing: dict[str, set[str]] = {}
        self._members: tuple[str, ...] = ()
        self._limit, self._canaries = 1, 0
        self._checked: defaultdict[str, set[str]] = defaultdict(set)
        self._proven: defaultdict[str, set[str]] = defaultdict(set)
        self._expected: defaultdict[str, set[str]] = defaultdict(set)
        self._active: dict[str, int] = {}
        self._held: dict[tuple[str, str], float] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def declare(self, rollout: Rollout) -> None:
        """Takes over the declaration; each member has the same."""
        if rollout.members:
            self._members = rollout.members
        self._limit, self._canaries = rollout.max_unavailable, rollout.canaries

    def expect(self, node: str, component: str, *, disrupted: bool, replaced: bool) -> None:
        """Notes what the plan does to a component of a member."""
        self._checked[_kind(node, component)].add(node)
        if disrupted or replaced:
            self._expected[node].add(component)
        if replaced:
            self.replacing.setdefault(node, set()).add(component)

    def unchecked(self, node: str, component: str) -> list[str]:
        """Members about whose component of this kind the engine has not asked yet."""
        return [name for name in self._members if name not in self._checked[_kind(node, component)]]

    def ranked(self) -> list[str]:
        """The disrupted members in the order of their slots; those that are no members of the declaration come last."""
        expected = [name for name, components in self._expected.items() if components]
        return [name for name in self._members if name in expected] + [
            name for name in expected if name not in self._members
        ]

    def may_go(self, node: str, component: str, *, quiet: bool) -> bool:
        """Whether it is this node's turn: it has the slot already; or one is free and nobody before it is still to come."""
        self._expire()
        if node in self._active:
            return True
        # Each kind of component has its canaries: a good containerd proves no kubelet.
        limit = self._limit if len(self._proven[_kind(node, component)]) >= self._canaries else 1
        if len(self._active) >= limit:
            return False
        return quiet or not self._before(node, component)

    def _before(self, node: str, component: str) -> list[str]:
        """Members before this one that may still come."""
        unchecked = self.unchecked(node, component)
        at = self._members.index(node) if node in self._members else len(self._members)
        return [
            name
            for name in self._members[:at]
            if name not in self._active and (self._expected[name] or name in unchecked)
        ]

    def enter(self, node: str) -> None:
        """Takes the node's slot, or shares it."""
        self._active[node] = self._active.get(node, 0) + 1

    def leave(self, node: str, component: str, *, failed: bool = False, hold: bool = False) -> None:
        """Gives the slot back, unless it is held until the component is created again."""
        if hold and not failed:
            self._held[node, component] = time.monotonic()
            return
        if failed:
            self.failed.append(node)
        else:
            self._proven[_kind(node, component)].add(node)
        self._expected[node].discard(component)
        self._active[node] -= 1
        if not self._active[node]:
            del self._active[node]
            if not self._expected[node] and node not in self.failed and node not in self.done:
                self.done.append(node)

    def is_replacing(self, node: str, component: str) -> bool:
        """Whether this plan replaces the component."""
        return component in self.replacing.get(node, ())

    def is_held(self, node: str, component: str) -> bool:
        """Whether the deletion of the component still holds the node's slot."""
        return (node, component) in self._held

    def give_back(self, node: str, component: str, *, failed: bool = False) -> None:
        """Ends the hold of a replaced component."""
        if self._held.pop((node, component), None) is not None:
            self.leave(node, component, failed=failed)

    def lock(self, node: str) -> asyncio.Lock:
        """Components of one node are changed one after another."""
        return self._locks[node]

    def stopped(self, node: str) -> str:
        """The error for a node whose turn never comes."""
        done = f"{', '.join(self.done)} {'is' if len(self.done) == 1 else 'are'} done" if self.done else "none is done"
        return (
            f"{node}: {vocabulary.UNTOUCHED}{', '.join(self.failed)} of rollout group {self.name} failed before its slot; {done}. "
            "Fix the failure, then run pulumi again"
        )

    def _expire(self) -> None:
        """A member that was deleted and is not created again has failed."""
        for (node, component), since in list(self._held.items()):
            if time.monotonic() - since > REPLACEMENT_SECONDS:
                self.give_back(node, component, failed=True)


def _kind(node: str, component: str) -> str:
    """The component's name without the node's, equal on all nodes."""
    return component.removeprefix(node)
