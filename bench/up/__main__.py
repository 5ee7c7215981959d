"""Times the bring-up of a cluster of 3 control-plane nodes and 1 worker, by this program and by kubeadm, in one run, in turn.

`python -m bench.up --runs 3 --out FOLDER` prints a table and writes up.md and up.json. Each bring-up has newly booted container hosts
(see lab/README.md) with the same addresses, programs and images. It needs root, the packages of `make packages`, and the engine. The builds
come from the cache. No figure is judged.

Clock of `Plumbline`: from the start of `pulumi up` on booted hosts that have nothing of a cluster. Certificates, the checks of the
hosts, the download of all programs and images from the lab's mirror, their import, containerd, etcd and the kubelet are inside.
`make up` shows a preview before: its time is listed, and a further row includes it.

Clock of `Plumbline, prepared hosts`: the same, but programs and archives are in their places and the images are imported before.
`up` still compares their digests, starts containerd, and its unit imports the archives again, which finds all layers.

Clock of `kubeadm`: from the start of `kubeadm init` to the last join. Before it starts, all that kubeadm's documentation leaves to the
admin is done: programs, units and images are installed, containerd runs, and CNI files and routes are there, too, so that a node
becomes Ready at once. Programs and images are the same; only the images' user is root, as kubeadm's pods need it.
`kubeadm, joins at once` runs the three joins at the same time.

A node's time is the API's: when its condition Ready became true, in whole seconds, rounded down. Add-ons are part of both: CoreDNS
and kube-proxy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from bench.hosts.measure import busy
from bench.up import files
from bench.up.hosts import Failed, Hosts, booted
from bench.up.ours import Plumbline
from bench.up.readiness import Readiness, readiness
from bench.up.results import Results, Run, table
from bench.up.rival import Kubeadm
from builder.errors import UserError
from lab import build, parts, rootfs

SETTLE_SECONDS = 240
POLL_SECONDS = 1


class Subject(Protocol):
    """A way to bring up a cluster on booted hosts."""

    name: str

    def prepare(self, hosts: Hosts) -> float | None:
        """Does what is done before the clock starts; returns the seconds of a preview, if there is one."""

    def bring_up(self, hosts: Hosts) -> dict[str, float]:
        """Runs the commands; returns the seconds of each."""

    def read(self, hosts: Hosts, *kinds: str) -> dict[str, Any]:
        """Lists objects of the cluster."""

    def details(self) -> str:
        """More about the last bring-up, as a JSON list."""


SUBJECTS: Mapping[str, Subject] = {
    "ours": Plumbline(prepared=False),
    "kubeadm": Kubeadm(at_once=False),
    "ours-prepared": Plumbline(prepared=True),
    "kubeadm-at-once": Kubeadm(at_once=True),
}


def measured(subject: Subject, folder: Path) -> Run:
    """One bring-up on newly booted hosts. Raises Failed."""
    with booted(folder) as hosts:
        preview = subject.prepare(hosts)
        work, clock, begun = busy(), time.time(), time.monotonic()
        steps = subject.bring_up(hosts)
        ended, work = time.monotonic() - begun, busy() - work
        found = settled(subject, hosts)
    ready = {name: at - clock for name, at in found.nodes.items() if at is not None}
    return Run(
        subject=subject.name,
        nodes=max(ready.values()),
        pods=max(at - clock for at in found.pods.values() if at is not None),
        ended=ended,
        machine=work,
        preview=preview,
        steps=steps,
        created={name: at - clock for name, at in found.created.items()},
        ready=ready,
        operations=json.loads(subject.details()),
    )


def settled(subject: Subject, hosts: Hosts) -> Readiness:
    """Waits until all nodes and all pods of kube-system are Ready. Raises Failed."""
    pods = dict.fromkeys(parts.CONTROL_PLANE, len(hosts.control_plane))
    pods |= {"coredns": 1, "kube-proxy": len(hosts.addresses)}
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            found = readiness(subject.read(hosts, "nodes", "pods"))
            waiting = found.waits_for(hosts.addresses, pods)
        except Failed as error:
            # An API server that has just started refuses what it will allow.
            waiting = [f"the API ({error})"]
        if not waiting:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"{subject.name}: not Ready {SETTLE_SECONDS} s after its last command: {', '.join(waiting)}")
        time.sleep(POLL_SECONDS)


def facts() -> dict[str, str]:
    """The machine and the versions, for the reader of the table."""
    return {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}",
        "versions": ", ".join(f"{name} {version}" for name, version in files.VERSIONS_SHOWN.items()),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "date": time.strftime("%Y-%m-%d"),
    }


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handles a signal as Ctrl-C, so that all is cleaned up."""
    raise KeyboardInterrupt


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.up", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="bring-ups by each")
    parser.add_argument("--by", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="which ones, by default all")
    parser.add_argument("--out", type=Path, default=Path("bench-up"), help="folder for the table and the measurements")
    parser.add_argument("--build", action="store_true", help="build what is missing in the cache, and end")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("bench-up: container hosts need root", file=sys.stderr)
        return 1
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, interrupt)
    out = arguments.out.resolve()
    results = Results()
    try:
        build.artifacts()
        rootfs.ensure()
        if any(isinstance(SUBJECTS[name], Kubeadm) for name in arguments.by):
            files.built()
        if arguments.build:
            return 0
        results.facts = facts()
        with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as place:
            for number in range(arguments.runs):
                order = arguments.by if number % 2 == 0 else list(reversed(arguments.by))
                for name in order:
                    run = measured(SUBJECTS[name], Path(place) / f"{name}-{number}")
                    results.runs.append(run)
                    results.save(out)
                    print(f"{run.subject}: nodes {run.nodes:.1f} s, pods {run.pods:.1f} s", flush=True)
    except (Failed, UserError) as error:
        print(f"bench-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench-up: interrupted", file=sys.stderr)
        return 130
    print(f"\n{table(results)}\nwritten: up.md, up.json in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
