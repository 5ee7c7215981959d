"""The measurements of a run, and the table of them: medians, ratios, processor time, memory, and the cost per node."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from bench.hosts.measure import Measured

MIB = 1 << 20
LEAST_SECONDS = 0.1
"""A program with less processor time has no row."""

NOTHING = "-"
"""In place of a figure that was not measured."""


class Operation(StrEnum):
    """A thing to do with all hosts."""

    NOTHING_CHANGES = "no-op with drift check"
    ONE_FILE = "one file on one host"
    CREATION = "first creation"


class Subject(StrEnum):
    """A program that does it."""

    OURS = "Plumbline"
    SERIES = "Ansible, the series' role"
    SAME = "Ansible, same files"
    FLOOR = "ssh alone"


@dataclass
class Results:
    """All measurements, by number of nodes, operation and subject, each in the order of its runs."""

    measured: dict[tuple[int, Operation, Subject], list[Measured]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    """About the machine and the run, for the reader: printed below the table."""

    def add(self, nodes: int, operation: Operation, subject: Subject, one: Measured) -> None:
        """Adds one measurement."""
        self.measured.setdefault((nodes, operation, subject), []).append(one)

    @property
    def sizes(self) -> list[int]:
        """The numbers of nodes, ascending."""
        return sorted({nodes for nodes, _, _ in self.measured})

    def median(
        self, nodes: int, operation: Operation, subject: Subject, of: Callable[[Measured], float]
    ) -> float | None:
        """The median of one figure; None if it was not measured."""
        found = self.measured.get((nodes, operation, subject))
        return statistics.median(map(of, found)) if found else None

    def seconds(self, nodes: int, operation: Operation, subject: Subject) -> float | None:
        """The median time."""
        return self.median(nodes, operation, subject, lambda one: one.seconds)

    def ratio(self, nodes: int, operation: Operation, to: Subject) -> float | None:
        """Our time divided by that of another subject."""
        ours, other = self.seconds(nodes, operation, Subject.OURS), self.seconds(nodes, operation, to)
        return ours / other if ours is not None and other else None

    def per_node(self, operation: Operation, subject: Subject) -> list[tuple[int, int, float]]:
        """From each number of nodes to the next: both numbers, and the seconds for each node more."""
        known = [(nodes, self.seconds(nodes, operation, subject)) for nodes in self.sizes]
        there = [(nodes, seconds) for nodes, seconds in known if seconds is not None]
        return [(few, many, (more - less) / (many - few)) for (few, less), (many, more) in itertools.pairwise(there)]

    def save(self, file: Path) -> None:
        """Writes all measurements as JSON."""
        rows = [
            {
                "nodes": nodes,
                "operation": operation.name,
                "subject": subject.name,
                "runs": [asdict(one) for one in runs],
            }
            for (nodes, operation, subject), runs in self.measured.items()
        ]
        file.write_text(json.dumps({"facts": self.facts, "measured": rows}, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Results:
        """Reads what `save` wrote."""
        data = json.loads(file.read_text())
        return cls(
            {
                (one["nodes"], Operation[one["operation"]], Subject[one["subject"]]): [
                    Measured(**run) for run in one["runs"]
                ]
                for one in data["measured"]
            },
            data["facts"],
        )


def table(results: Results) -> str:
    """The results in Markdown."""
    return "\n".join([*_figures(results), "", *_slopes(results), "", *_programs(results), "", *_facts(results), ""])


def _figures(results: Results) -> Iterator[str]:
    yield (
        "| nodes | operation | by | runs | seconds | ours to it | processor s | whole machine, processor s "
        "| memory RSS, MiB | memory PSS, MiB |"
    )
    yield f"|{'---|' * 10}"
    for nodes in results.sizes:
        for operation in Operation:
            for subject in Subject:
                key = (nodes, operation, subject)
                if key not in results.measured:
                    continue
                cells = [
                    _number(results.seconds(*key), 1),
                    NOTHING if subject is Subject.OURS else _number(results.ratio(nodes, operation, subject), 2),
                    _number(results.median(*key, lambda one: one.processor), 1),
                    _number(results.median(*key, lambda one: one.machine), 1),
                    _number(results.median(*key, lambda one: one.resident / MIB), 0),
                    _number(results.median(*key, lambda one: one.proportional / MIB), 0),
                ]
                count = str(len(results.measured[key]))
                yield f"| {' | '.join([str(nodes), operation, subject, count, *cells])} |"


def _slopes(results: Results) -> Iterator[str]:
    yield "| operation | by | from, to nodes | seconds per further node | growth |"
    yield "|---|---|---|---|---|"
    for operation in Operation:
        for subject in Subject:
            slopes = results.per_node(operation, subject)
            for few, many, seconds in slopes:
                first = slopes[0][2]
                growth = NOTHING if seconds is first or first <= 0 else f"{seconds / first:.2f}"
                yield f"| {operation} | {subject} | {few}, {many} | {seconds:.3f} | {growth} |"


def _programs(results: Results) -> Iterator[str]:
    """Our processor time by program, in the run of median time."""
    yield "| nodes | operation | program of ours | processor s |"
    yield "|---|---|---|---|"
    for nodes in results.sizes:
        for operation in Operation:
            runs = sorted(results.measured.get((nodes, operation, Subject.OURS), []), key=lambda one: one.seconds)
            spent = runs[len(runs) // 2].programs if runs else {}
            for name, seconds in sorted(spent.items(), key=lambda one: -one[1]):
                if seconds >= LEAST_SECONDS:
                    yield f"| {nodes} | {operation} | {name} | {seconds:.1f} |"


def _facts(results: Results) -> Sequence[str]:
    return [f"- {name}: {text}" for name, text in results.facts.items()]


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
