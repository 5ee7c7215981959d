"""The report as one HTML page: no script, nothing from the network, for screen, phone and print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2

from nodestate.names import names
from report import words
from report.fold import Fold, fold, fold_objects, part
from report.model import NodeReport, Report

HERE = Path(__file__).parent

COLORS = {
    **dict.fromkeys(("restart", "reread", "roll", "replace", "not reached", "probe", "renew"), "warn"),
    **dict.fromkeys(("stop", "delete", "failed", "not done"), "bad"),
    **dict.fromkeys(("start", "create", "done"), "good"),
}
"""The color of a word, which is always written, too. Others are calm."""


@dataclass(frozen=True)
class Grid:
    """Nodes by units: an action in each cell, or nothing."""

    units: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def render(report: Report) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2").render(
        report=report,
        css=jinja2.filters.do_mark_safe((HERE / "page.css").read_text()),
        headline=words.headline(report),
        intended=_folds(report, drift=False),
        drifted=_folds(report, drift=True),
        grid=grid(fold(report.nodes)),
        budget=words.budget(report.budget) if report.budget else (),
        happened=words.happened(report.happened) if report.happened else "",
        unchanged=words.unchanged(report),
        due=[one for one in report.certificates if words.due(one)],
        valid=[one for one in report.certificates if not words.due(one)],
        count=words.count,
        colors=COLORS,
        summary=summary,
        order=words.order,
        ownership=words.ownership,
        batches=words.batches,
        names=names,
        objects=words.objects,
        behind=[(drift, found) for drift in (False, True) if (found := fold_objects(report.objects, drift))],
        not_read=words.not_read(report),
    )


def _folds(report: Report, drift: bool) -> list[Fold]:
    return fold(half for one in report.nodes if (half := part(one, drift=drift)))


def grid(folds: Iterable[Fold]) -> Grid:
    """The grid of all nodes with unit steps."""
    shown = [one for one in folds if one.report.steps]
    units = tuple(sorted({step.unit for one in shown for step in one.report.steps}))
    rows: list[tuple[str, tuple[str, ...]]] = []
    for one in shown:
        actions = {step.unit: step.action for step in one.report.steps}
        rows.append((one.title, tuple(actions.get(unit, "") for unit in units)))
    return Grid(units, tuple(rows))


def summary(node: NodeReport) -> str:
    """The node's changes in a few words, behind its name."""
    told = [
        f"{step.unit.removesuffix('.service')} {words.DOES.get(step.action, (step.action,))[0]}" for step in node.steps
    ]
    if len(told) > 3:
        told = [words.count(len(told), "unit step")]
    if node.paths:
        told.append(words.count(len(node.paths), "path"))
    if node.settings:
        told.append(words.count(len(node.settings), "unit setting"))
    return f": {', '.join(told)}" if told else ""
