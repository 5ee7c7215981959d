"""`make chaos`: kills or cuts off an `up` at random moments; each next run must converge, with nothing doubled and nothing left.

`python -m tests.chaos --rounds 50 --hosts 10 --seed 1`. Half of the rounds take the change back before the next run. Needs
root, and the engine (`make tools`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lab import netns
from provider.lost import REMOVE, WORD
from tests.chaos import fleet as fleets
from tests.chaos.fleet import Fleet
from tests.chaos.program import Version

END_SECONDS = 30
DELAY_SECONDS = 0.5
"""At most this long after an operation has begun, a run is killed or cut off."""

UP = ("up", "--yes", "--skip-preview", "--refresh", "--continue-on-error")


@dataclass
class Chaos:
    """The rounds. `length` is the number of operations on the nodes in an undisturbed update: kills fall into it, not into the
    start of the engine, however busy this machine is."""

    fleet: Fleet
    random: Random
    version: Version
    length: int = 0
    words: str = ""
    printed: str = ""

    def prepare(self) -> None:
        """The first update, and one to measure."""
        self.fleet.run_each("echo others >/etc/chaos-shared\n")
        self.fleet.want(self.version.states(self.fleet))
        self.fleet.pulumi(*UP)
        self.version = Version.random(self.random, 1)
        self.fleet.want(self.version.states(self.fleet))
        before = self.fleet.operations()
        self.fleet.pulumi(*UP)
        self.length = self.fleet.operations() - before
        self._check()

    def round(self, number: int) -> str:
        """One killed update and the runs after it; what was done, in words. Raises AssertionError."""
        former, self.version = self.version, Version.random(self.random, number + 2)
        self.fleet.want(self.version.states(self.fleet))
        moment, delay = self.random.randrange(self.length), self.random.uniform(0, DELAY_SECONDS)
        kind = self.random.choice(list(KINDS))
        reverted = number % 2 == 1
        self.words = f"{kind} after {moment} of {self.length} operations{', then taken back' if reverted else ''}"
        last = self.fleet.operations() + moment
        running = self.fleet.start(*UP, output=subprocess.DEVNULL)
        while self.fleet.operations() < last and running.poll() is None:
            time.sleep(0.01)
        time.sleep(delay)
        KINDS[kind](self.fleet, self.random)
        running.wait(fleets.UP_SECONDS)
        self._ended()
        self.fleet.unlock()
        if reverted:
            self.version = former
            self.fleet.want(self.version.states(self.fleet))
        # A creation whose result was lost, and which is taken back, is removed only if one says so.
        self.fleet.variables[WORD] = REMOVE
        self.printed = self.fleet.pulumi(*UP)
        del self.fleet.variables[WORD]
        self._check()
        second = self.fleet.pulumi(*UP, "--expect-no-changes")
        assert "unchanged" in second, second
        self._check()
        return self.words

    def _ended(self) -> None:
        """No plugin and no program outlives its engine."""
        deadline = time.monotonic() + END_SECONDS
        while left := self.fleet.processes():
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.1)

    def _check(self) -> None:
        problems = self.version.problems(self.fleet)
        assert not problems, "\n".join(problems)


def _kill(fleet: Fleet, program: str) -> None:
    for pid, line in fleet.processes().items():
        if program in line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _hang_up(fleet: Fleet, random: Random) -> None:
    """Ends the connections of some nodes as the network would: their sessions' sshd is gone."""
    for name in random.sample(fleet.names, k=max(1, len(fleet.names) // 2)):
        # The last session is the one that runs this.
        fleet.run(
            name,
            "own=$(ps -o ppid= -p $PPID | tr -d ' ')\nfor one in $(pgrep -f '^sshd: core'); do\n"
            '  case " $own $PPID $(ps -o ppid= -p $own) " in *" $one "*) ;; *) kill -9 $one || true ;; esac\ndone\n',
        )


def _unplug(fleet: Fleet, random: Random) -> None:
    """Takes the link of all nodes down for some seconds: packets are lost, connections stay."""
    netns.run(fleet.lab, ["ip", "link", "set", "plumb-hosts", "down"])
    try:
        time.sleep(random.uniform(1, 4))
    finally:
        netns.run(fleet.lab, ["ip", "link", "set", "plumb-hosts", "up"])


KINDS: dict[str, Callable[[Fleet, Random], None]] = {
    "engine killed": lambda fleet, random: _kill(fleet, "pulumi --non-interactive"),
    "provider killed": lambda fleet, random: _kill(fleet, "provider"),
    "connections cut": _hang_up,
    "network down": _unplug,
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--seed", default="", help="the same seed draws the same changes and moments")
    chosen = parser.parse_args()
    seed = chosen.seed or str(time.time_ns())
    print(f"seed {seed}: {chosen.hosts} hosts, {chosen.rounds} rounds", flush=True)
    converged = 0
    with fleets.booted(chosen.hosts) as fleet:
        chaos = Chaos(fleet, Random(seed), Version(0, 0, False, False, 0))
        chaos.prepare()
        for number in range(chosen.rounds):
            begun = time.monotonic()
            try:
                words = chaos.round(number)
            except AssertionError as error:
                print(f"round {number + 1}: {chaos.words}: {error}\nthe run after it:\n{chaos.printed}", flush=True)
                break
            converged += 1
            print(f"round {number + 1}: {words}: converged, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"converged after kill: {converged}/{chosen.rounds}")
    return 0 if converged == chosen.rounds else 1


if __name__ == "__main__":
    sys.exit(main())
