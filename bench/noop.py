"""Times a preview that finds nothing, drift check included, on live clusters of this program and of an earlier revision.

`python bench/noop.py --against REV --runs 7` brings up a lab of container hosts (3 control-plane nodes, 1 worker) for each, both in
this one run, previews them in turn, prints medians and ratios of time and processor time, and takes both labs down. It needs root
and the packages of `make packages`; the builds come from the cache.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
NEEDED = 512
"""Inotify instances of two labs. With Linux's default, 128, kubelets of the second one do not start."""
PREVIEW = 'eval "$(.venv/bin/python -m toolchain env)"; .venv/bin/python -m lab exec -- pulumi --non-interactive preview --diff --stack hosts'


@dataclass
class Subject:
    """One revision: a checkout with its own lab, and its measurements in seconds."""

    name: str
    folder: Path
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def run(self, command: list[str]) -> str:
        """Runs a command in the checkout. Ends the program with its output if it fails."""
        env = {**os.environ, "PLUMBLINE_LAB": self.name}
        done = subprocess.run(
            command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{self.name}: {' '.join(command)} failed:\n{done.stdout[-3000:]}")
        return done.stdout

    def preview(self) -> None:
        """One preview, which must find that nothing changes."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        printed = self.run(["bash", "-c", PREVIEW])
        self.seconds.append(time.monotonic() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        resources = printed.rpartition("Resources:")[2].splitlines()
        if not any("unchanged" in line for line in resources[:2]):
            sys.exit(f"{self.name}: the preview found changes:\n{printed[-3000:]}")


@contextlib.contextmanager
def running(name: str, folder: Path, revision: str) -> Iterator[Subject]:
    """A checkout of a revision with its own virtual environment, and its lab, up."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(folder)], check=True)
    subject = Subject(name, folder)
    try:
        subject.run(["git", "checkout", "--quiet", "--detach", revision])
        subject.run(["make", "up", "STACK=hosts"])
        yield subject
    finally:
        env = {**os.environ, "PLUMBLINE_LAB": name}
        subprocess.run([".venv/bin/python", "-m", "lab", "down"], cwd=folder, env=env, check=False, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, help="the revision to compare with")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    if (found := int(INSTANCES.read_text())) < NEEDED:
        sys.exit(f"fs.inotify.max_user_instances is {found}, two labs need {NEEDED}: raise it for this run with sysctl")
    revisions = {
        name: subprocess.run(
            ["git", "rev-parse", name], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in (arguments.against, "HEAD")
    }
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plumbline-bench-")))
        before = stack.enter_context(running("before", folder / "before", revisions[arguments.against]))
        after = stack.enter_context(running("after", folder / "after", revisions["HEAD"]))
        for number in range(arguments.runs + 1):
            for subject in (before, after) if number % 2 else (after, before):
                subject.preview()
        for name in ("seconds", "processor"):
            # The first ones warm the caches.
            old, new = (statistics.median(getattr(subject, name)[1:]) for subject in (before, after))
            listed = ["/".join(f"{one:.1f}" for one in getattr(subject, name)[1:]) for subject in (before, after)]
            what = "preview" if name == "seconds" else "processor time"
            print(f"{what}: before {old:.1f} s ({listed[0]}), after {new:.1f} s ({listed[1]}), ratio {new / old:.2f}")
        print(f"load: {os.getloadavg()[1]:.1f}")


if __name__ == "__main__":
    main()
