"""Measures how long lease renewals and writes pause when one of three control-plane nodes is lost: this program's cluster and kubeadm's.

`python -m bench.failover --out FOLDER` brings up both in turn on container hosts (3 control-plane nodes, 1 worker) and takes the first
control-plane node away in two ways: its link goes down, so that packets to it are lost, and then, after it has recovered, it is powered
off. It writes failover.md and failover.json. No figure is judged.

This program's nodes have all control-plane nodes' addresses under one name. kubeadm's cluster has a virtual address, which keepalived
moves: it is on the node that is lost, as it is the worker's first address in our cluster.

`lease` is the longest time between two renewals of one of the other nodes' leases; a kubelet renews every 10 s. `writes` is the longest
time between two writes that succeeded, of a kubectl on the worker, which uses the cluster's endpoint, with a new connection for each.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.failover import virtual_address
from bench.failover.watch import Clients, Seen, longest_gap
from bench.up import files
from bench.up.__main__ import facts, interrupt, settled
from bench.up.hosts import STACK, Failed, Hosts, booted
from bench.up.ours import Plumbline
from bench.up.rival import Kubeadm
from builder.errors import UserError
from lab import build, netns, rootfs

BEFORE_SECONDS = 20
AFTER_SECONDS = 75
OFF_SECONDS = 120


class Behind(Kubeadm):
    """kubeadm's cluster behind the virtual address."""

    def __init__(self) -> None:
        super().__init__(at_once=False, endpoint=virtual_address.ADDRESS)
        self.name = "kubeadm, virtual address"

    def prepare(self, hosts: Hosts) -> None:
        """Prepares the hosts, and puts the address on the first one."""
        super().prepare(hosts)
        virtual_address.install(hosts)


SUBJECTS: Mapping[str, Plumbline | Kubeadm] = {"ours": Plumbline(prepared=False), "kubeadm": Behind()}


@dataclass(frozen=True)
class Pause:
    """Longest pauses in seconds: of leases by node, and of writes; `healthy` are the writes before the loss."""

    subject: str
    fault: str
    leases: Mapping[str, float]
    writes: float
    healthy: float

    @property
    def lease(self) -> float:
        """That of the node which waited longest."""
        return max(self.leases.values())


def black_hole(hosts: Hosts, host: str) -> None:
    """Takes a host's link down."""
    _link(hosts, host, "down")


def power_off(hosts: Hosts, host: str) -> None:
    """Shuts a host down; it is not booted again."""
    hosts.root(host, "systemctl --no-block poweroff\n", OFF_SECONDS)


FAULTS: Mapping[str, Callable[[Hosts, str], None]] = {"black-holed": black_hole, "powered off": power_off}


def _link(hosts: Hosts, host: str, state: str) -> None:
    netns.run(hosts.lab, ["ip", "link", "set", f"vb-{hosts.lab.name}.{host}", state])


def pauses(subject: Plumbline | Kubeadm, faults: Sequence[str], folder: Path) -> Iterator[Pause]:
    """Brings a cluster up, and yields what each loss of its first control-plane node did. Raises Failed."""
    with booted(folder) as hosts:
        subject.prepare(hosts)
        subject.bring_up(hosts)
        settled(subject, hosts)
        kubeconfig = subject.kubeconfig(hosts)
        lost, survivor, *_ = hosts.control_plane
        for name in faults:
            fault = FAULTS[name]
            clients = Clients(hosts, kubeconfig, survivor, BEFORE_SECONDS + AFTER_SECONDS)
            clients.start()
            begun = time.time()
            try:
                time.sleep(BEFORE_SECONDS)
                at = time.time()
                fault(hosts, lost)
                seen = clients.seen()
            finally:
                clients.close()
            yield pause(subject.name, name, seen, begun, at, [one for one in hosts.addresses if one != lost])
            if fault is black_hole:
                _link(hosts, lost, "up")
                settled(subject, hosts)


def pause(subject: str, fault: str, seen: Seen, begun: float, at: float, others: Sequence[str]) -> Pause:
    """The longest pauses of leases and writes after the loss at `at`. Raises Failed if the clients saw nothing."""
    until = at + AFTER_SECONDS - 1
    if not seen.writes or any(not seen.renewals.get(name) for name in others):
        raise Failed(f"{subject}, {fault}: no renewal or no write was seen before the loss")
    leases = {name: longest_gap(seen.renewals[name], at, until) for name in others}
    healthy = longest_gap([one for one in seen.writes if one <= at], min(seen.writes), at)
    return Pause(subject, fault, leases, longest_gap(seen.writes, at, until), healthy)


def table(found: Sequence[Pause], about: Mapping[str, str]) -> str:
    """The pauses in Markdown."""
    lines = [
        "| first control-plane node | by | lease, s | each node | writes, s | writes before, s |",
        f"|{'---|' * 6}",
    ]
    for one in sorted(found, key=lambda one: one.fault):
        each = ", ".join(f"{name} {seconds:.1f}" for name, seconds in one.leases.items())
        lines.append(
            f"| {one.fault} | {one.subject} | {one.lease:.1f} | {each} | {one.writes:.1f} | {one.healthy:.1f} |"
        )
    return "\n".join([*lines, "", *(f"- {name}: {text}" for name, text in about.items()), ""])


def save(folder: Path, found: Sequence[Pause], about: Mapping[str, str]) -> None:
    """Writes failover.md and failover.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "failover.md").write_text(table(found, about))
    data = {"facts": about, "pauses": [asdict(one) for one in found]}
    (folder / "failover.json").write_text(json.dumps(data, indent=1) + "\n")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.failover", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1, help="clusters of each")
    parser.add_argument("--by", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="which ones, by default all")
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS), help="by default all, in turn")
    parser.add_argument("--out", type=Path, default=Path("bench-failover"), help="folder for table and measurements")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("bench-failover: container hosts need root", file=sys.stderr)
        return 1
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, interrupt)
    out, found = arguments.out.resolve(), []
    # A host that is powered off is not booted again.
    faults = [name for name in FAULTS if name in arguments.faults]
    try:
        build.artifacts()
        files.built()
        rootfs.ensure()
        virtual_address.packages()
        about = {**facts(), "stack": STACK}
        with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as place:
            for number in range(arguments.runs):
                for name in arguments.by:
                    for one_pause in pauses(SUBJECTS[name], faults, Path(place) / f"{name}-{number}"):
                        found.append(one_pause)
                        save(out, found, about)
    except (Failed, UserError) as error:
        print(f"bench-failover: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench-failover: interrupted", file=sys.stderr)
        return 130
    print(f"{table(found, about)}\nwritten: failover.md, failover.json in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
