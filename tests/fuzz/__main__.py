"""Judges random configurations: `python -m tests.fuzz --number 10000 --seed 1`. Ends with 1 after a traceback."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.fuzz import configurations

SHARE = 250


def share(number: int, seed: str) -> configurations.Tally:
    """Judges one share of the configurations, in its own folder."""
    with tempfile.TemporaryDirectory(prefix="plumbline-fuzz-") as folder:
        return configurations.run(number, seed, Path(folder))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--number", type=int, default=10000)
    parser.add_argument(
        "--seed", default="", help="the same seed makes the same configurations; by default another one each time"
    )
    chosen = parser.parse_args()
    seed = chosen.seed or str(time.time_ns())
    print(f"seed {seed}", flush=True)
    total = configurations.Tally()
    sizes = [SHARE] * (chosen.number // SHARE) + ([chosen.number % SHARE] if chosen.number % SHARE else [])
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        shares = pool.map(share, sizes, [f"{seed}-{index}" for index in range(len(sizes))])
        for tally in shares:
            total.counts += tally.counts
            total.failures += tally.failures
            if sys.stdout.isatty():
                print(f"\r{total}", end="", flush=True)
    # One of each kind: the last line of a traceback and where it was raised.
    kinds = {text.rpartition("  File ")[2]: (name, text) for name, text in total.failures}
    for name, text in kinds.values():
        print(f"\nconfiguration {name}:\n{text}")
    print(f"\r{total}")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
