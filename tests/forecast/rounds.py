"""The rounds: mutate every node, preview, update, and compare node by node."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from tests.forecast import check, record
from tests.forecast.forecast import Forecast
from tests.forecast.hosts import Hosts
from tests.forecast.mutations import BY_HAND, SETTLE, Maker, Mutation
from tests.forecast.programs import BY_PROGRAM, NEEDS, OF_THE_STATE
from tests.forecast.record import Happened, Record
from tests.forecast.world import World

Records = dict[str, Record]
CHANCES: dict[Maker, int] = {**BY_HAND, **BY_PROGRAM}
PAIRS, INTERRUPTED_EVERY, APPROVED_EVERY = 0.4, 8, 10
WAIT_SECONDS = 120
PLAIN, INTERRUPTED, APPROVED = "", "interrupted run", "approved plan"
PLANTED_RESTART, PLANTED_ROW = "restart", "row"
POINTS = ("stage", "commit", "restart", "ready", "finish")
"""Remote operations after which an interrupted run is killed."""


class Broken(Exception):
    """The check itself cannot go on: nothing is said about the forecast."""


class Tool(Protocol):
    """A tool that keeps nodes as `worlds` say: Stack, or a rival."""

    folder: Path
    trace: Path
    worlds: Mapping[str, World]
    warnings: list[str]
    """Those of the last preview."""

    def preview(self, plan: Path | None = None) -> tuple[dict[str, Forecast], str]: ...

    def up(self, plan: Path | None = None) -> str: ...

    def forget(self, world: World, component: str) -> None: ...

    def engines(self) -> Iterator[int]: ...

    def unlock(self) -> None: ...

    def prepare(self, name: str) -> None: ...


@dataclass
class Case:
    """One node in one round: its mutations, what was forecast, what happened, and the differences."""

    node: str
    mutations: list[Mutation]
    round_kind: str = PLAIN
    forecast: Forecast = field(default_factory=Forecast)
    happened: Happened = field(default_factory=lambda: Happened({}, {}, frozenset()))
    differences: list[str] = field(default_factory=list)
    unrepaired: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Warnings of the preview about the node: they may be the reason of a difference."""

    @property
    def wrong(self) -> bool:
        """Whether the forecast is not what happened, or the node is not as desired afterwards."""
        return bool(self.differences or self.unrepaired)

    def findings(self) -> list[str]:
        """Everything that is wrong, in words."""
        found = [
            *(f"DIFFERENCE {one}" for one in self.differences),
            *(f"NOT REPAIRED {one}" for one in self.unrepaired),
        ]
        return [*found, *(f"the preview warned: {one}" for one in self.warnings)] if found else []

    @property
    def title(self) -> str:
        """The mutations in words."""
        parts = [f"{one.kind} ({one.text})" for one in self.mutations]
        return " + ".join([*([self.round_kind] if self.round_kind else []), *parts])


class Check:
    """Runs rounds until `count` cases are done. `log` gets a line per round. `running` are the cases of the last round."""

    def __init__(
        self,
        hosts: Hosts,
        stack: Tool,
        seed: int,
        log: Callable[[str], None],
        plant: str = "",
        only: Sequence[str] = (),
        plain: bool = False,
    ) -> None:
        self.hosts, self.stack, self.log, self.plant, self.plain = hosts, stack, log, plant, plain
        self.rng = Random(seed)
        present = {component for world in stack.worlds.values() for component in world.components}
        self.chances = {
            maker: often
            for maker, often in CHANCES.items()
            if (not only or maker.__name__ in only)
            and NEEDS.get(maker, "services") in present
            and not (plain and maker in OF_THE_STATE)
        }
        self.cases: list[Case] = []
        self.running: list[Case] = []

    @property
    def worlds(self) -> dict[str, World]:
        """The desired states by node."""
        return dict(self.stack.worlds)

    def run(self, count: int) -> list[Case]:
        """All cases. Raises Broken."""
        for world in self.worlds.values():
            if missing := record.unrecorded([*world.files, *world.directories]):
                raise Broken(f"{world.node}: not recorded: {', '.join(missing)}")
        number = 0
        while len(self.cases) < count:
            number += 1
            begun = time.monotonic()
            kind = PLAIN
            if self.plain:
                pass
            elif number % INTERRUPTED_EVERY == 0:
                kind = INTERRUPTED
            elif number % APPROVED_EVERY == 0:
                kind = APPROVED
            made = self._round(kind)[: count - len(self.cases)]
            self.cases += made
            wrong = sum(one.wrong for one in made)
            self.log(
                f"round {number}{f' ({kind})' if kind else ''}: {len(self.cases)}/{count} in "
                f"{time.monotonic() - begun:.0f} s{f', {wrong} WRONG' if wrong else ''}"
            )
            for case in made:
                self.log(f"  {case.node}: {case.title}")
                for line in case.findings():
                    self.log(f"    {line}")
        return self.cases

    def _round(self, kind: str) -> list[Case]:
        former = {name: world.copy() for name, world in self.worlds.items()}
        cases = {name: Case(name, self._mutations(world), kind) for name, world in self.worlds.items()}
        self.running = list(cases.values())
        self._by_hand(cases)
        if kind == INTERRUPTED:
            self._interrupt(former)
        before = self.records()
        plan = self.stack.folder / "plan.json" if kind == APPROVED else None
        previewed, failed = self.stack.preview(plan)
        announced = self._announced(previewed)
        for name, case in cases.items():
            case.warnings = [line for line in self.stack.warnings if line.startswith(f"{name}: ")]
        for name, changed in self._happened(before, self.records()).items():
            refuses = any(one.refused for one in cases[name].mutations)
            cases[name].differences += [
                f"the preview failed: {line}"
                for line in failed.splitlines()
                if line.startswith(f"{name}:") and not refuses
            ]
            cases[name].differences += [f"the preview changed {one}" for one in check.disruptions(changed)]
        behind = self._behind(plan)
        if plan is not None:
            before = self.records()
        failure = self._up(plan)
        after = self.records()
        for name, happened in self._happened(before, after).items():
            case = cases[name]
            case.forecast, case.happened = announced.get(name, Forecast()), happened
            shared = {path for world in (former[name], self.worlds[name]) for path in _shared(world)}
            refused = [one.refused for one in case.mutations if one.refused]
            if name in behind:
                # All that was approved for the node's other components is done.
                services = self.worlds[name].only("services")
                beyond = check.beyond_approval(case.forecast, happened, services)
                case.differences += [f"refused plan: {one}" for one in beyond]
            elif refused or behind:
                continue
            else:
                case.differences += check.differences(case.forecast, before[name], happened, shared)
                case.unrepaired = self.worlds[name].wrong(after[name])
        self._after_failure(cases, behind, failure)
        return list(cases.values())

    def records(self) -> Records:
        """Every node as it is now."""
        scripts = {
            name: record.script(
                world.recorded_units(), {key: str(probe["command"]) for key, probe in world.probes.items()}
            )
            for name, world in self.worlds.items()
        }
        return {name: record.parse(printed) for name, printed in self.hosts.run_each(scripts).items()}

    def _happened(self, before: Records, after: Records) -> dict[str, Happened]:
        return {name: record.difference(before[name], after[name]) for name in after}

    def _mutations(self, world: World) -> list[Mutation]:
        wanted = 2 if self.rng.random() < PAIRS else 1
        found: list[Mutation] = []
        for _ in range(50):
            [maker] = self.rng.choices(list(self.chances), weights=list(self.chances.values()))
            made = maker(self.rng, world)
            if made is not None:
                found.append(made)
            if len(found) == wanted or any(one.reimage or one.refused for one in found):
                return found
        raise Broken(f"no mutation applies to {world.node}")

    def _by_hand(self, cases: dict[str, Case]) -> None:
        for name, case in cases.items():
            for one in case.mutations:
                if one.reimage:
                    self.hosts.reimage(name)
                    self.stack.prepare(name)
                if one.forget:
                    self.stack.forget(self.worlds[name], one.forget)
        # The first of a pair may leave nothing for the second to change.
        scripts = {
            name: SETTLE + "".join(f"(\n{one.hand}\n) || true\n" for one in case.mutations if one.hand)
            for name, case in cases.items()
        }
        self.hosts.run_each(scripts)

    def _interrupt(self, former: dict[str, World]) -> None:
        """Kills an update at some operation; then half of the programs are as they were before it."""
        point = self.rng.choice(POINTS)
        self.stack.trace.unlink(missing_ok=True)
        ended = threading.Event()

        def kill() -> None:
            while not ended.wait(0.01):
                if self.stack.trace.exists() and f'"op": "{point}"' in self.stack.trace.read_text():
                    break
            for pid in list(self.stack.engines()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

        killer = threading.Thread(target=kill)
        killer.start()
        self.stack.up()
        ended.set()
        killer.join()
        self._wait("the killed engine's end", lambda: not list(self.stack.engines()))
        self.stack.unlock()
        # A script that a node has received runs to its end.
        self.hosts.run_each(dict.fromkeys(self.worlds, SCRIPTS_ENDED))
        for name in sorted(self.worlds):
            if self.rng.random() < 0.5:
                self.stack.worlds[name].components = former[name].components
                self.stack.worlds[name].names = former[name].names

    def _behind(self, plan: Path | None) -> set[str]:
        """Changes nodes after the plan was approved; returns their names."""
        if plan is None:
            return set()
        names = set(self.rng.sample(sorted(self.worlds), 2))
        script = "echo '# after the plan' >>/etc/forecast/web.conf; systemctl stop idle.service\n"
        self.hosts.run_each(dict.fromkeys(sorted(names), script))
        return names

    def _up(self, plan: Path | None) -> str:
        """An update. A planted fault: a unit of the first node is restarted before it, and nothing says so."""
        if self.plant == PLANTED_RESTART:
            self.hosts.run(min(self.worlds), "systemctl restart web.service")
        return self.stack.up(plan)

    def _announced(self, announced: dict[str, Forecast]) -> dict[str, Forecast]:
        """The forecast. A planted fault: of each node one path or one unit is not announced."""
        if self.plant == PLANTED_ROW:
            for one in announced.values():
                gone = one.paths or one.steps
                if gone:
                    gone.pop(min(gone))
        return announced

    def _after_failure(self, cases: dict[str, Case], behind: set[str], failure: str) -> None:
        """An update fails only if that is expected; then the nodes are repaired for the next round."""
        refused = {name: one for name, case in cases.items() for one in case.mutations if one.refused}
        if not failure and not refused and not behind:
            return
        for name, mutation in refused.items():
            if mutation.refused not in failure:
                cases[name].differences.append(f"the update does not name {mutation.refused}")
        if behind and not failure:
            for name in behind:
                cases[name].differences.append("the plan was carried out although the node had changed since")
        if failure and not refused and not behind:
            for case in cases.values():
                told = [line for line in failure.splitlines() if line.startswith(f"{case.node}:")]
                case.differences += [f"the update failed: {line[:400]}" for line in told]
            if not any(case.wrong for case in cases.values()):
                raise Broken(f"the update failed: {failure}")
        self.hosts.run_each({name: one.undo for name, one in refused.items()})
        again = self.stack.up()
        if again and self.plain:
            # The admin helps: the case counts as wrong already.
            self.hosts.run_each({name: "\n".join(one.undo for one in case.mutations) for name, case in cases.items()})
            again = self.stack.up()
        if again:
            raise Broken(f"the update after a failed one failed, too: {again}")

    @staticmethod
    def _wait(what: str, probe: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        pause = threading.Event()
        while not probe():
            if time.monotonic() > deadline:
                raise Broken(f"not within {WAIT_SECONDS} s: {what}")
            pause.wait(0.05)


SCRIPTS_ENDED = """
for lock in /run/plumbline/*.lock; do
  [ ! -e "$lock" ] || flock -w 100 "$lock" true || { echo "a script of the killed run still works" >&2; exit 1; }
done
"""


def _shared(world: World) -> set[str]:
    return {path for path, file in world.files.items() if file.get("block")}


def summary(cases: list[Case]) -> Counter[str]:
    """How often each kind of mutation was made."""
    return Counter(one.kind for case in cases for one in case.mutations) + Counter(
        case.round_kind for case in cases if case.round_kind
    )
