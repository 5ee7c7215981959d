"""The runs, and the table of them: seconds of each run, medians, and our medians divided by the others'."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OURS = "Plumbline"
RIVAL = "kubeadm"
TARGET = 0.7
"""The ratio of the issue that asks for this comparison."""

NOTHING = "-"


@dataclass(frozen=True)
class Run:
    """One bring-up. All times are seconds since the clock started, which is when its first command was started.

    `nodes` is when the last node became Ready, `pods` when the last pod of kube-system did, `ended` when the last command ended.
    `machine` is the processor time of the whole machine until the last command ended. `preview` is the time of the preview, which is
    before the clock starts. `steps` are the commands' durations, `created` and `ready` when each node appeared and became Ready,
    `operations` the provider's remote operations, with the time of each as `at`.
    """

    subject: str
    nodes: float
    pods: float
    ended: float
    machine: float
    preview: float | None
    steps: Mapping[str, float]
    created: Mapping[str, float]
    ready: Mapping[str, float]
    operations: Sequence[Mapping[str, Any]] = ()


FIGURES: dict[str, Callable[[Run], float]] = {
    "all nodes Ready": lambda run: run.nodes,
    "all nodes and system pods Ready": lambda run: max(run.nodes, run.pods),
    "commands ended": lambda run: run.ended,
    "all nodes Ready, preview included": lambda run: run.nodes + (run.preview or 0),
    "processor time of the machine": lambda run: run.machine,
}
HEADLINE = "all nodes Ready"


@dataclass
class Results:
    """All runs in their order, and facts for the reader."""

    runs: list[Run] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def subjects(self) -> list[str]:
        """Their names, in the order of their first runs."""
        return list(dict.fromkeys(run.subject for run in self.runs))

    def values(self, subject: str, figure: str) -> list[float]:
        """One figure of all runs of a subject."""
        return [FIGURES[figure](run) for run in self.runs if run.subject == subject]

    def ratio(self, ours: str, other: str, figure: str) -> float | None:
        """One median divided by another; None if one was not measured."""
        one, two = self.values(ours, figure), self.values(other, figure)
        return statistics.median(one) / statistics.median(two) if one and two else None

    def save(self, folder: Path) -> None:
        """Writes up.md and up.json."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "up.md").write_text(table(self))
        data = {"facts": self.facts, "runs": [asdict(run) for run in self.runs]}
        (folder / "up.json").write_text(json.dumps(data, indent=1) + "\n")


def table(results: Results) -> str:
    """The results in Markdown."""
    return "\n".join([*_figures(results), "", *_ratios(results), "", *_steps(results), "", *_facts(results), ""])


def _figures(results: Results) -> Iterator[str]:
    yield "| seconds | by | each run | median |"
    yield "|---|---|---|---|"
    for figure in FIGURES:
        for subject in results.subjects:
            values = results.values(subject, figure)
            each = ", ".join(f"{value:.1f}" for value in values)
            yield f"| {figure} | {subject} | {each} | {statistics.median(values):.1f} |"


def _ratios(results: Results) -> Iterator[str]:
    ours = [name for name in results.subjects if name.startswith(OURS)]
    rivals = [name for name in results.subjects if not name.startswith(OURS)]
    yield f"| ratio of medians | {' | '.join(f'{one} / {other}' for one in ours for other in rivals)} |"
    yield f"|{'---|' * (1 + len(ours) * len(rivals))}"
    for figure in FIGURES:
        cells = [_number(results.ratio(one, other, figure)) for one in ours for other in rivals]
        yield f"| {figure} | {' | '.join(cells)} |"
    if (found := results.ratio(OURS, RIVAL, HEADLINE)) is not None:
        met = "met" if found <= TARGET else "not met"
        yield ""
        yield f"{OURS} / {RIVAL}, {HEADLINE}: {found:.2f} (target: at most {TARGET}; {met})"


def _steps(results: Results) -> Iterator[str]:
    yield "| run | by | commands | nodes: created, Ready | nodes: components finished |"
    yield "|---|---|---|---|---|"
    for number, run in enumerate(results.runs, 1):
        steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in run.steps.items())
        nodes = ", ".join(f"{name} {run.created[name]:.0f}, {at:.0f}" for name, at in run.ready.items())
        finished = ", ".join(f"{name} {'/'.join(times)}" for name, times in _finished(run).items())
        yield f"| {number} | {run.subject} | {steps} | {nodes} | {finished or NOTHING} |"


def _finished(run: Run) -> dict[str, list[str]]:
    """When each of the program's components was finished on each node; empty for kubeadm."""
    found: dict[str, list[str]] = {}
    for one in run.operations:
        if one["op"] == "finish":
            found.setdefault(str(one["node"]), []).append(f"{one['at']:.0f}")
    return dict(sorted(found.items()))


def _facts(results: Results) -> Iterator[str]:
    return (f"- {name}: {text}" for name, text in results.facts.items())


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
