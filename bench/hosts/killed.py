"""Kills the first creation of many simulated hosts at random moments, and starts it again: no key of a CA may be lost.

`python -m bench.hosts.killed --nodes 20 --rounds 10 --seed 1` prints a line per round and ends with 1 if a key has changed, or if
the creation that is left alone at last does not reach a state that its preview finds unchanged. Needs root and the engine.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.hosts import isolation, mirror
from bench.hosts.api import serving
from bench.hosts.host import simulated
from bench.hosts.project import CREATION, PULUMI, STACK, Project, changes, configuration

MODULE = "bench.hosts.killed"
SECONDS = 900
"""For a creation that nobody kills."""


class Lost(Exception):
    """A round after which something is not as it must be."""


def start(project: Project, log: Path) -> subprocess.Popen[bytes]:
    """A creation that runs in its process group."""
    with log.open("wb") as output:
        return subprocess.Popen(
            CREATION,
            cwd=project.folder,
            env=project.variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def keys(project: Project) -> dict[str, str]:
    """The public keys of the CAs, and those that the control-plane nodes share, as far as they are in the state."""
    if not list(project.folder.glob(f"state/.pulumi/stacks/*/{STACK}.json")):
        return {}
    resources = project.state()["checkpoint"].get("latest", {}).get("resources") or []
    return {
        one["urn"].rpartition("::")[2]: one["outputs"]["publicKeyPem"]
        for one in resources
        if one["type"] == "tls:index/privateKey:PrivateKey" and one["urn"].rpartition("::")[2].startswith(f"{STACK}-")
    }


def rounds(project: Project, number: int, longest: float, chance: random.Random, log: Path) -> dict[str, str]:
    """Starts and kills so many creations. Returns the keys. Raises Lost."""
    known: dict[str, str] = {}
    for one in range(1, number + 1):
        wait = chance.uniform(1.0, longest)
        process = start(project, log)
        try:
            process.wait(wait)
            ended = f"ended with {process.returncode} before"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            ended = "killed"
        found = keys(project)
        print(f"round {one}: {ended} after {wait:.1f} s, {len(found)} keys in the state", flush=True)
        if any(found.get(name) != key for name, key in known.items()):
            raise Lost(f"round {one}: a key that was in the state is not there any more, or is another one")
        known |= found
    return known


def finish(project: Project, known: dict[str, str], log: Path) -> None:
    """Lets a creation end, and compares. Raises Lost."""
    process = start(project, log)
    if process.wait(SECONDS) != 0:
        raise Lost(f"the last creation ended with {process.returncode}:\n{log.read_text()[-3000:]}")
    found = keys(project)
    if known and found != known:
        raise Lost("the last creation has made other keys")
    preview = subprocess.run(
        [*PULUMI, "preview"], cwd=project.folder, env=project.variables, capture_output=True, text=True, timeout=SECONDS
    )
    if preview.returncode != 0 or (left := changes(preview.stdout)):
        raise Lost(f"the preview after it is not unchanged: {left or preview.stderr[-2000:]}")
    print(
        f"created: {project.resources()} resources, {len(found)} keys as in the first round that had them", flush=True
    )


def main() -> int:
    """The command line: outside, it starts itself in namespaces of the run."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--longest", type=float, default=60.0, help="seconds until a round is killed, at most")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not isolation.inside():
        return isolation.run(MODULE, sys.argv[1:])
    place = isolation.enter()
    began = time.monotonic()
    sums = mirror.write(place / "mirror")
    (place / "project").mkdir()
    project = Project.of(place / "project")
    with simulated(place / "sim", place / "mirror", arguments.nodes) as hosts, ExitStack() as api:
        project.configure(configuration(hosts, sums))
        project.begin()
        api.enter_context(serving(hosts))
        try:
            log = place / "creation.log"
            known = rounds(project, arguments.rounds, arguments.longest, random.Random(arguments.seed), log)
            finish(project, known, log)
        except Lost as error:
            print(f"killed: {error}", flush=True)
            return 1
    print(f"seed {arguments.seed}: no key was lost in {arguments.rounds} rounds, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
