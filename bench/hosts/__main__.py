"""Times this program, Ansible and bare SSH side by side on simulated hosts (see host.py), in one run.

`python -m bench.hosts --nodes 4,48,200 --out FOLDER` prints a table and writes table.md, chart.svg and measured.json. For each
number of nodes: first creations on newly installed hosts, then in turn no-ops, and one file changed on one host. Plays take
minutes: MOST_NODES and REPEATED_UP_TO say which of them are run, and which more than once. Needs root, the engine
(`make tools`) and Ansible (`make .venv-rival/installed`). No figure is judged.

Processor time and memory are those of the client's processes; the hosts' side, sshd and what it starts, is not counted, but
takes its time from the same cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.hosts import isolation, mirror, play
from bench.hosts.api import serving
from bench.hosts.chart import chart
from bench.hosts.host import Hosts, simulated
from bench.hosts.measure import Failed, Measured, measure
from bench.hosts.project import CREATION, PODS, PULUMI, UP, Project, changes, configuration, nodes_written
from bench.hosts.results import Operation, Results, Subject, table

MOST_NODES = {
    (Subject.SAME, Operation.NOTHING_CHANGES): 48,
    (Subject.SAME, Operation.ONE_FILE): 0,
    (Subject.SAME, Operation.CREATION): 4,
    (Subject.SERIES, Operation.ONE_FILE): 48,
}
"""Up to how many nodes a play is run; one that is not listed always is. With one file it takes as long as without."""

REPEATED_UP_TO = 48
"""Up to how many nodes the no-op of the series' role is repeated. That of the other play never is, nor is a play's one file."""

ENGINE = ("PULUMI_SKIP_CHECKPOINTS", "PULUMI_EXPERIMENTAL", "PULUMI_PARALLEL", "GOGC")
"""Settings of the engine that are printed with the results."""


class Unexpected(Exception):
    """A run that did something else than it should, so that its time says nothing."""


@dataclass
class Round:
    """All measurements of one number of nodes."""

    hosts: Hosts
    sums: Path
    project: Project
    folder: Path
    results: Results
    api: ExitStack
    out: Path
    same_up_to: int
    plays: dict[Subject, play.Play] = field(default_factory=dict)
    created: int = 0
    changed: int = 0

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.hosts.by_name)

    def create(self) -> None:
        """First creation by each, on newly installed hosts. Afterwards the hosts are as the program made them."""
        self.api.close()
        self.hosts.install()
        self.project.configure(configuration(self.hosts, self.sums))
        self.project.begin()
        self.api.enter_context(serving(self.hosts))
        self.note(Operation.CREATION, Subject.OURS, CREATION, self.project.variables, self.project.folder)
        self.created += 1
        self.prepare_plays(self.folder / str(self.created))
        for subject, one in self.plays.items():
            if self.wants(Operation.CREATION, subject):
                with self.hosts.installed_again():
                    printed = self.note(Operation.CREATION, subject, one.command(), one.environment, one.folder)
                    self.expect(one.changes(printed) >= self.nodes, printed)

    def prepare_plays(self, folder: Path) -> None:
        """The plays, from the files that the program made: each creation has other certificates."""
        self.plays = {Subject.SERIES: play.series(folder / "s", self.hosts)}
        if self.nodes <= self.same_up_to:
            self.plays[Subject.SAME] = play.same(folder / "f", self.hosts, self.project.state())

    def settle(self) -> None:
        """Runs the series' role once, unmeasured. The other play wants what the program has made."""
        one = self.plays[Subject.SERIES]
        measure(one.command(), one.folder, one.environment, self.folder)

    def nothing_changes(self, number: int) -> None:
        """The no-op of this number, from 0, by each. The order changes from round to round."""
        operation = Operation.NOTHING_CHANGES
        acts: dict[Subject, Callable[[], None]] = {Subject.OURS: self.preview, Subject.FLOOR: self.floor}
        for subject in self.plays:
            repeated = subject is Subject.SERIES and self.nodes <= REPEATED_UP_TO
            if self.wants(operation, subject) and (number == 0 or repeated):
                acts[subject] = partial(self.play_nothing, subject)
        for act in list(acts.values()) if number % 2 == 0 else reversed(acts.values()):
            act()

    def preview(self) -> None:
        """Our no-op: a preview that reads all nodes."""
        printed = self.note_ours(Operation.NOTHING_CHANGES, "preview")
        self.expect(not changes(printed), printed)

    def play_nothing(self, subject: Subject) -> None:
        """A run of a play that changes nothing."""
        one = self.plays[subject]
        printed = self.note(Operation.NOTHING_CHANGES, subject, one.command(), one.environment, one.folder)
        self.expect(one.changes(printed) == 0, printed)

    def floor(self) -> None:
        """`true` on every host over a new connection, as many at once as Ansible has forks."""
        known = self.folder / "known_hosts"
        known.write_text("".join(f"{one.address} {one.host_key}\n" for one in self.hosts.by_name.values()))
        addresses = " ".join(one.address for one in self.hosts.by_name.values())
        options = f"-F none -i {self.hosts.login_file} -o UserKnownHostsFile={known} -o BatchMode=yes"
        line = f"printf '%s\\n' {addresses} | xargs -P {play.FORKS} -I @ ssh {options} -l root @ true"
        self.note(Operation.NOTHING_CHANGES, Subject.FLOOR, ["bash", "-c", line], os.environ, self.folder)

    def one_file(self, number: int) -> None:
        """One file of one host, changed by each; after the first time, from 0, by us alone."""
        self.changed += 1
        self.project.configure(configuration(self.hosts, self.sums, PODS[self.changed % len(PODS)]))
        with suppress(FileNotFoundError):
            self.project.trace.unlink()
        printed = self.note_ours(Operation.ONE_FILE, *UP, PLUMBLINE_TRACE=str(self.project.trace))
        written = nodes_written(self.project.trace)
        self.expect(written == {list(self.hosts.by_name)[-1]}, f"written: {written}\n{printed}")
        for subject, one in self.plays.items():
            if number == 0 and self.wants(Operation.ONE_FILE, subject):
                play.change(one, 200 + self.changed)
                printed = self.note(Operation.ONE_FILE, subject, one.command(), one.environment, one.folder)
                self.expect(one.changes(printed) > 0, printed)

    def wants(self, operation: Operation, subject: Subject) -> bool:
        """Whether this is measured with so many nodes."""
        return self.nodes <= MOST_NODES.get((subject, operation), self.nodes)

    def note_ours(self, operation: Operation, *words: str, **more: str) -> str:
        """Measures a command of the engine."""
        variables = {**self.project.variables, **more}
        return self.note(operation, Subject.OURS, [*PULUMI, *words], variables, self.project.folder)

    def note(
        self, operation: Operation, subject: Subject, command: list[str], variables: Mapping[str, str], folder: Path
    ) -> str:
        """Measures a command, and prints the measurement at once."""
        one, printed = measure(command, folder, variables, self.folder)
        self.results.add(self.nodes, operation, subject, one)
        # At once: an interrupted run keeps what it has measured.
        save(self.out, self.results)
        log(f"{self.nodes} nodes, {operation}, {subject}: {_line(one)}")
        return printed

    @staticmethod
    def expect(condition: bool, printed: str) -> None:
        """Raises Unexpected with the end of the output."""
        if not condition:
            raise Unexpected(f"the run did something else than was expected:\n{printed[-4000:]}")


def measure_all(place: Path, arguments: argparse.Namespace, results: Results) -> None:
    """All rounds, each with its own hosts, in the folder `place`."""
    sums = mirror.write(place / "mirror")
    (place / "project").mkdir()
    project = Project.of(place / "project")
    settings = [f"{name}={project.variables[name]}" for name in ENGINE if name in project.variables]
    results.facts["engine"] = ", ".join(settings) or "default settings"
    for place_of, nodes in enumerate(arguments.nodes):
        folder = place / f"n{nodes}"
        folder.mkdir()
        with simulated(place / "sim", place / "mirror", nodes) as hosts, ExitStack() as api:
            one = Round(hosts, sums, project, folder, results, api, arguments.out, arguments.same_up_to)
            for _ in range(arguments.creations):
                one.create()
            results.facts[f"{nodes} nodes"] = f"{project.resources()} resources, {files_per_node(project, nodes)}"
            one.settle()
            runs, changed = at(arguments.runs, place_of), at(arguments.changes, place_of)
            # In turn, so that a machine that grows slower or faster meanwhile does so for both.
            for number in range(max(runs, changed)):
                if number < runs:
                    one.nothing_changes(number)
                if number < changed:
                    one.one_file(number)


def at(counts: list[int], place: int) -> int:
    """The count at a place; the last one is that of all further places."""
    return counts[min(place, len(counts) - 1)]


def files_per_node(project: Project, nodes: int) -> str:
    """The number of files that the program keeps on a worker, as text."""
    files: dict[str, int] = {}
    for one in project.state()["checkpoint"]["latest"]["resources"]:
        if one["type"] == play.NODE_STATE:
            files[one["inputs"]["node"]] = files.get(one["inputs"]["node"], 0) + len(one["inputs"]["files"])
    return f"{min(files.values())} files on a worker, {max(files.values())} on a control-plane node"


def save(folder: Path, results: Results) -> None:
    """Writes table, chart and measurements."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(table(results))
    (folder / "chart.svg").write_text(chart(results))
    results.save(folder / "measured.json")


def facts(arguments: argparse.Namespace) -> dict[str, str]:
    """The machine and the versions, for the reader of the table."""
    playbook = subprocess.run([str(play.PLAYBOOK), "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}",
        "Ansible": f"{playbook.splitlines()[0]}, pipelining, {play.FORKS} forks",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "date": time.strftime("%Y-%m-%d"),
    }


def numbers(text: str) -> list[int]:
    """Positive numbers between commas or blanks. Raises ValueError."""
    found = [int(word) for word in text.replace(",", " ").split()]
    if not found or min(found) < 1:
        raise ValueError(text)
    return found


def log(text: str) -> None:
    """Prints a line at once."""
    print(text, flush=True)


def _line(one: Measured) -> str:
    return f"{one.seconds:.2f} s, {one.processor:.2f} s of processor time, {one.resident >> 20} MiB"


def main() -> int:
    """The command line: outside, it starts itself in namespaces of the run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    per_size = ", one number for all or one for each number of hosts"
    parser.add_argument("--nodes", type=numbers, default=[4, 48], help="how many hosts, such as 4,48,200")
    parser.add_argument("--creations", type=int, default=1, help="first creations by each")
    parser.add_argument("--runs", type=numbers, default=[3], help=f"no-ops by each{per_size}")
    limit = "up to how many nodes the play with our files is run"
    parser.add_argument("--same-up-to", type=int, default=max(MOST_NODES.values()), help=limit)
    parser.add_argument("--changes", type=numbers, default=[2], help=f"changes of one file by each{per_size}")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-hosts"), help="folder for table, chart and measurements"
    )
    arguments = parser.parse_args()
    arguments.out = arguments.out.resolve()
    if not play.PLAYBOOK.exists():
        sys.exit("there is no Ansible: run `make .venv-rival/installed`")
    if not isolation.inside():
        return isolation.run("bench.hosts", sys.argv[1:])
    results = Results(facts=facts(arguments))
    try:
        measure_all(isolation.enter(), arguments, results)
    except (Failed, Unexpected) as error:
        log(f"bench-hosts: {error}")
        return 1
    finally:
        if results.measured:
            save(arguments.out, results)
            log(f"\n{table(results)}\nwritten: table.md, chart.svg, measured.json in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
