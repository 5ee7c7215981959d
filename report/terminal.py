"""The report as terminal text: short enough to be read whole, with equal nodes folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nodestate import vocabulary
from nodestate.names import names
from report import words
from report.fold import Fold, braces, fold, fold_objects, part, similar
from report.model import Happened, NodeReport, Notice, PathChange, Report, UnitStep

WIDTH = 120
DIFF_LINES = 12
"""So many lines of a diff; the other formats have all of it."""

NOTICES = 5
GRID_ROWS = 3
"""So many groups of nodes make a grid worth its lines."""

MOST_PATHS = 15
MOST_OBJECTS = 15
COLORS = {"restart": 33, "reread": 33, "stop": 31, "start": 32, "create": 32, "delete": 31, "+": 32, "-": 31, "!": 31}
BOLD, DIM = 1, 2


@dataclass(frozen=True)
class Terminal:
    """Renders for a width in characters, in color or not."""

    width: int = WIDTH
    color: bool = False

    def render(self, report: Report) -> str:
        """All lines; one if nothing changes and nothing went wrong."""
        return "".join(f"{line.rstrip()}\n" for line in self._lines(report))

    def outcome(self, report: Report) -> str:
        """The lines about what happened, under a forecast that was shown before."""
        lines = self._happened(report.happened) if report.happened is not None else ()
        return "".join(f"{line.rstrip()}\n" for line in lines)

    def _lines(self, report: Report) -> Iterator[str]:
        yield self._paint(words.headline(report), BOLD)
        for notice in report.errors:
            yield from self._notice("error", notice)
        intended = fold(half for one in report.nodes if (half := part(one, drift=False)))
        drifted = fold(half for one in report.nodes if (half := part(one, drift=True)))
        for one in intended:
            yield from self._node(one)
        if drifted:
            yield self._paint("drift: not as the last run left it", BOLD)
            for one in drifted:
                yield from self._node(one)
        yield from self._objects(report)
        yield from self._grid([*intended, *drifted])
        for group in report.groups:
            yield f"order, {group.name}: {words.order(group)}"
        for line in words.certificates(report):
            yield f"certificates {line}"
        for line in words.others(report.resources):
            yield f"also {line}"
        for line in words.not_read(report):
            yield self._paint(f"not read, drift is not known: {line}", COLORS["!"])
        if report.reboots:
            yield self._paint(f"reboot required: {names(report.reboots)}", DIM)
        if report.budget is not None and not report.empty:
            for line in words.budget(report.budget):
                yield self._paint(f"budget {line}", COLORS["!"] if report.budget.excess else DIM)
            if report.budget.excess and not report.budget.overridden and report.happened is None:
                yield self._paint("nothing is changed: `make up BUDGET=override` goes on all the same", COLORS["!"])
        for notice in report.warnings[:NOTICES]:
            yield from self._notice("warning", notice)
        if len(report.warnings) > NOTICES:
            yield f"warning: {len(report.warnings) - NOTICES} more"
        if report.happened is not None:
            yield from self._happened(report.happened)
        if not report.empty:
            yield self._paint(words.unchanged(report), DIM)

    def _node(self, one: Fold) -> Iterator[str]:
        node = one.report
        change = "" if node.change == "update" else f" ({node.change})"
        yield self._paint(f"{one.title}{change}", BOLD)
        if node.change in ("create", "delete") and not node.found:
            yield from self._whole(node)
            return
        for step in node.steps:
            yield self._row(step.action, step.unit, _cause(step))
        for setting in node.settings:
            yield self._row(" and ".join(setting.verbs), setting.unit, setting.because)
        for probe in node.probes:
            yield self._row("probe", probe.name, probe.told)
        for owned in node.ownership:
            yield self._row(owned.change, owned.item, words.ownership(owned))
        groups = list(similar(node.paths))
        for paths in groups[:MOST_PATHS]:
            yield self._row(paths[0].operation, braces([one.path for one in paths]), _path(paths[0]))
            yield from self._diff(paths[0])
        if more := sum(len(one) for one in groups[MOST_PATHS:]):
            yield f"  and {words.count(more, 'more path')}: --format html shows all"
        if node.silent:
            yield f"  recorded: {', '.join(node.recorded) or 'what the program says of it'}; nothing on the node changes"

    def _objects(self, report: Report) -> Iterator[str]:
        for drift in (False, True):
            folds = fold_objects(report.objects, drift)
            if folds:
                yield self._paint(f"{words.BEHIND}{': drift, not as the last run left them' if drift else ''}", BOLD)
            for one in folds[:MOST_OBJECTS]:
                yield self._row(one.first.operation, f"{one.first.set_name}: {words.objects(one)}", "")
                # Not cut off: the new value is at the end.
                yield from (f"    {line}" for line in one.first.fields[:DIFF_LINES])
                if len(one.first.fields) > DIFF_LINES:
                    yield self._more(len(one.first.fields) - DIFF_LINES)
            if more := sum(len(one.objects) for one in folds[MOST_OBJECTS:]):
                yield f"  and {words.count(more, 'more object')}: --format html shows all"

    def _whole(self, node: NodeReport) -> Iterator[str]:
        """A node that is created or deleted as a whole: counts of its paths, names of its units."""
        kinds = [words.count(len(found), kind) for kind in ("file", "directory") if (found := _of_kind(node, kind))]
        kinds = [one.replace("directorys", "directories") for one in kinds]
        yield self._row(node.change, ", ".join(kinds) or "nothing", "")
        for action in (vocabulary.START, vocabulary.RESTART, vocabulary.STOP):
            if units := [step.unit.removesuffix(".service") for step in node.steps if step.action == action]:
                yield self._row(action, ", ".join(units), "")

    def _row(self, word: str, subject: str, rest: str) -> str:
        painted = self._paint(word.ljust(8), COLORS.get(word, 0))
        return f"  {painted} {subject}" + (f"  {rest}" if rest else "")

    def _diff(self, path: PathChange) -> Iterator[str]:
        lines = [one for one in path.diff if not one.startswith("@@")] if _hunks(path) == 1 else list(path.diff)
        for line in lines[:DIFF_LINES]:
            yield f"    {self._paint(self._cut(line), COLORS.get(line[:1], DIM))}"
        if len(lines) > DIFF_LINES:
            yield self._more(len(lines) - DIFF_LINES)

    def _more(self, number: int) -> str:
        return self._paint(f"    ... {number} more lines: --format html shows all", DIM)

    def _grid(self, folds: list[Fold]) -> Iterator[str]:
        """Nodes by units, if there are several of both; a grid that is too wide is left out."""
        shown = [one for one in folds if any(step for step in one.report.steps) and one.report.change != "create"]
        units = sorted({step.unit for one in shown for step in one.report.steps})
        if len(shown) < GRID_ROWS or len(units) < 2:
            return
        heads = [unit.removesuffix(".service") for unit in units]
        left = max(len(one.title) for one in shown) + 2
        widths = [max(len(head), len(vocabulary.RESTART)) + 2 for head in heads]
        if left + sum(widths) > self.width:
            return
        yield self._paint(
            " " * left + "".join(head.ljust(size) for head, size in zip(heads, widths, strict=True)), BOLD
        )
        for one in shown:
            actions = {step.unit: step.action for step in one.report.steps}
            cells = [actions.get(unit, ".").ljust(size) for unit, size in zip(units, widths, strict=True)]
            yield one.title.ljust(left) + "".join(cells)

    def _happened(self, found: Happened) -> Iterator[str]:
        yield self._paint(f"happened: {words.happened(found)}", COLORS["!"] if found.differs else BOLD)
        for line in found.differences:
            yield self._paint(f"  {line}", COLORS["!"])
        for one in found.nodes:
            for line in one.differences:
                yield self._paint(f"  {one.node}: {line}", COLORS["!"])
        for behind in found.objects:
            if behind.difference:
                yield self._paint(f"  {behind.set_name}: {behind.object}: {behind.difference}", COLORS["!"])
        for notice in found.errors:
            yield from self._notice("error", notice)

    def _notice(self, kind: str, notice: Notice) -> Iterator[str]:
        lines = notice.text.splitlines() or [""]
        first, *more = lines if kind == "error" else lines[:DIFF_LINES]
        yield self._paint(f"{kind}: {first}", COLORS["!"] if kind == "error" else 33)
        yield from (f"  {line}" for line in more)

    def _paint(self, text: str, color: int) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self.color and color else text

    def _cut(self, line: str) -> str:
        """A line of a file that is too long for the terminal is cut off."""
        return line if len(line) <= self.width - 4 else f"{line[: self.width - 7]}..."


def _cause(step: UnitStep) -> str:
    if step.action == vocabulary.REREAD:
        return f"{step.because}; restart if it still serves the old certificate"
    return step.because


def _path(path: PathChange) -> str:
    told = [", ".join(path.attributes)] if path.operation == "update" or path.kind == "foreign" else []
    told += [*path.details, *([path.because] if path.because else [])]
    if path.secret:
        told.append("secret: changes are not shown")
    if path.origin == "both":
        told.append("edited on the node, too")
    return "; ".join(told)


def _hunks(path: PathChange) -> int:
    return sum(one.startswith("@@") for one in path.diff)


def _of_kind(node: NodeReport, kind: str) -> list[PathChange]:
    return [one for one in node.paths if one.kind == kind]
