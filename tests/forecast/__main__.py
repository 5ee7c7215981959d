"""`make forecast-check`: does a preview name exactly what the update then does? Mutates real nodes and compares.

Boots four container hosts in a network namespace, brings them up by NodeStates, and runs rounds of mutations, one or two
per node and round. Everything that it started ends with it. Needs root, and the engine (`make tools`).
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab import netns
from lab.context import Lab
from tests.forecast import compare, control_plane, hosts, rendered, rounds, services
from tests.forecast.hosts import ROOT, Hosts
from tests.forecast.rival.ansible import Play
from tests.forecast.stack import Stack
from tests.forecast.world import World


def main() -> int:
    """Runs the check; 0 if every forecast came true."""
    parsed = _parser().parse_args()
    if parsed.inside:
        return _inside(parsed)
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with hosts.namespace() as lab:
        command = [sys.executable, "-m", "tests.forecast", *sys.argv[1:], "--inside", lab.name, str(lab.project)]
        return subprocess.run(netns.enter(lab, command), cwd=ROOT, check=False).returncode


def _inside(parsed: argparse.Namespace) -> int:
    name, folder = parsed.inside
    begun = time.monotonic()

    def log(line: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {line}", flush=True)

    nodes = Hosts(Lab(Path(folder), name))
    tools: dict[str, Callable[[], rounds.Tool]] = {
        "plumbline": lambda: Stack(Path(folder) / "stack", nodes, worlds(nodes, parsed.services)),
    }
    if parsed.rival:
        tools["ansible"] = lambda: Play(Path(folder) / "play", nodes, worlds(nodes, parsed.services))
    found: dict[str, list[rounds.Case]] = {}
    try:
        for called, make in tools.items():
            for host in nodes.names if found else ():
                nodes.reimage(host)
            nodes.up()
            found[called] = _cases(nodes, called, make(), parsed, log)
    except rounds.Broken as error:
        print(f"the check broke off: {error}", file=sys.stderr)
        return 2
    finally:
        nodes.hang_up()
    cases = found["plumbline"]
    for kind, number in sorted(rounds.summary(cases).items()):
        print(f"{number:5}  {kind}")
    wrong = [case for case in cases if case.wrong]
    for case in wrong:
        print(f"seed {parsed.seed}, {case.node}: {case.title}")
        for line in case.findings():
            print(f"  {line}")
    if parsed.rival:
        print(compare.table(found))
    print(f"forecast = deed: {len(cases) - len(wrong)}/{len(cases)}")
    return 1 if wrong else 0


def _cases(
    nodes: Hosts, called: str, tool: rounds.Tool, parsed: argparse.Namespace, log: Callable[[str], None]
) -> list[rounds.Case]:
    """The cases of one tool, from nodes that it has brought up. Raises rounds.Broken."""
    log(f"{called}, seed {parsed.seed}: {len(nodes.names)} hosts run; first update")
    if failure := tool.up():
        raise rounds.Broken(f"the first update failed: {failure}")
    check = rounds.Check(nodes, tool, parsed.seed, log, parsed.plant, parsed.only, plain=bool(parsed.rival))
    try:
        return check.run(parsed.count)
    except rounds.Broken:
        for case in check.running:
            print(f"seed {parsed.seed}, {case.node}: {case.title}")
        raise


def worlds(nodes: Hosts, services_only: bool = False) -> dict[str, World]:
    """The desired state of each node before the first mutation."""
    lab, cluster, issuer = nodes.lab, rendered.load(nodes), rendered.Issuer()
    if not services_only:
        control_plane.start(lab, issuer)
    tools = [hosts.sha256(lab, f"{hosts.VARIANT}/tool-{number}") for number in range(3)]
    made = {}
    for name in nodes.names:
        components = {} if services_only else rendered.components(cluster, name, issuer, control_plane.URL)
        components |= {"services": services.services(issuer, tools[0]), "other": services.other()}
        source = cluster.kubernetes.artifacts.kubelet
        variant = {
            "url": f"{hosts.MIRROR}/{hosts.VARIANT}/kubelet",
            "sha256": hosts.sha256(lab, f"{hosts.VARIANT}/kubelet"),
        }
        made[name] = World(name, components, issuer, tools, [{"url": source.url, "sha256": source.sha256}, variant])
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.forecast", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same mutations")
    parser.add_argument(
        "--count", type=int, default=200, help="cases: one node in one round, with one or two mutations"
    )
    parser.add_argument(
        "--plant",
        choices=(rounds.PLANTED_RESTART, rounds.PLANTED_ROW),
        default="",
        help="a fault that the check must find: a unit restarted behind the program's back, or a row that is left out",
    )
    parser.add_argument("--services", action="store_true", help="small services only: no kubelet, no container runtime")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="MAKER", help="only these makers of mutations, by name"
    )
    parser.add_argument("--rival", choices=("ansible",), help="the same mutations beside an Ansible play, and a table")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
