"""Counts what each tool forecast and what happened, as a table for the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.forecast.rounds import Case


@dataclass(frozen=True)
class Counts:
    """The sums over all cases of one tool. A change is a path; a step is a unit that started, restarted, reloaded or stopped."""

    changes: int
    changes_named: int
    changes_missing: int
    steps: int
    steps_named: int
    steps_missing: int
    repaired: int
    right: int
    cases: int

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Counts:
        """The counts of these cases. A conditional restart counts as named."""
        sums = dict.fromkeys(
            ("changes", "changes_named", "changes_missing", "steps", "steps_named", "steps_missing"), 0
        )
        for case in cases:
            said, did = set(case.forecast.paths), set(case.happened.paths)
            steps = set(case.forecast.steps) | (case.forecast.conditional & set(case.happened.steps))
            ran = set(case.happened.steps)
            amounts = (did, did & said, said - did, ran, ran & steps, steps - ran)
            for name, amount in zip(sums, amounts, strict=True):
                sums[name] += len(amount)
        good = sum(not case.unrepaired for case in cases)
        return cls(**sums, repaired=good, right=sum(not case.differences for case in cases), cases=len(cases))


def table(found: Mapping[str, Sequence[Case]]) -> str:
    """A Markdown table with a column per tool."""
    counts = {name: Counts.of(cases) for name, cases in found.items()}
    rows = {
        "paths that changed": [str(one.changes) for one in counts.values()],
        "of these, named by the forecast": [str(one.changes_named) for one in counts.values()],
        "paths named that did not change": [str(one.changes_missing) for one in counts.values()],
        "unit steps that happened": [str(one.steps) for one in counts.values()],
        "of these, named by the forecast ": [str(one.steps_named) for one in counts.values()],
        "unit steps named that did not happen": [str(one.steps_missing) for one in counts.values()],
        "nodes as desired after the run": [f"{one.repaired} of {one.cases}" for one in counts.values()],
        "forecast = what happened": [f"{one.right} of {one.cases}" for one in counts.values()],
    }
    lines = [f"| | {' | '.join(counts)} |", f"|---|{'---|' * len(counts)}"]
    lines += [f"| {name.strip()} | {' | '.join(row)} |" for name, row in rows.items()]
    return "\n".join(lines)
