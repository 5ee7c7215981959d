"""The report as Markdown for a comment of a pull request, cut off where such a comment would be refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nodestate.names import names
from report import words
from report.fold import Fold, ObjectFold, braces, fold, fold_objects, part, similar
from report.model import Happened, Origin, PathChange, Report

MOST = 60_000
"""Characters. GitHub refuses comments of 65,536, GitLab of a million."""

DIFF_LINES = 60
MOST_ROWS = 100
"""Of each table."""

FEW_FIELDS = 2
"""So many lines of an object are in the table; more have an own block, and the table their paths."""


def mark(kind: str, stack: str) -> str:
    """The first line, which is not shown: by it a job finds the comment or issue of a stack that it updates."""
    return f"<!-- plumbline {kind}: {re.sub('[^A-Za-z0-9._]+', '-', stack)} -->"


def render(report: Report) -> str:
    """The comment. Details are folded in; what does not fit is left out, with a line that says so."""
    head = "\n".join(_head(report))
    lines, size = [], len(head)
    for block in _details(report):
        size += len(block) + 1
        if size > MOST:
            lines.append("*The other diffs are left out: they are in the HTML report.*\n")
            break
        lines.append(block)
    return "\n".join([head, *lines]).rstrip("\n") + "\n"


def _head(report: Report) -> Iterator[str]:
    yield mark("report", report.stack)
    yield f"**{plain(words.headline(report))}**\n"
    for notice in report.errors:
        yield f"> **error** {_quoted(notice.text)}\n"
    for line in words.budget(report.budget) if report.budget is not None else ():
        yield f"- budget {plain(line)}"
    for line in words.not_read(report):
        yield f"- not read, drift is not known: {plain(line)}"
    if report.reboots:
        yield f"- reboot required: {plain(names(report.reboots))}"
    for group in report.groups:
        yield f"- order, {plain(group.name)}: {plain(words.order(group))}"
    for line in (*words.certificates(report),):
        yield f"- certificates {plain(line)}"
    for line in words.others(report.resources):
        yield f"- also {plain(line)}"
    yield ""
    if report.happened is not None:
        yield from _happened(report.happened)
    for title, drift in (("Changes", False), ("Drift", True)):
        folds = fold(half for one in report.nodes if (half := part(one, drift=drift)))
        if folds:
            yield f"### {title}\n"
            yield "| Nodes | What | Where | Why |"
            yield "|---|---|---|---|"
            rows = [row for one in folds for row in _rows(one)]
            yield from _most(rows)
    for drift in (False, True):
        if found := fold_objects(report.objects, drift):
            yield f"### {'Drift of o' if drift else 'O'}{words.BEHIND[1:]}\n"
            yield "| Set | What | Objects | Fields |"
            yield "|---|---|---|---|"
            yield from _most([_object(one) for one in found])


def _most(rows: list[str]) -> Iterator[str]:
    yield from rows[:MOST_ROWS]
    if len(rows) > MOST_ROWS:
        yield f"\n*{len(rows) - MOST_ROWS} more rows are in the HTML report.*"
    yield ""


def _object(one: ObjectFold) -> str:
    first = one.first
    shown = first.fields if len(first.fields) <= FEW_FIELDS else first.paths
    fields = "<br>".join(f"`{code(line)}`" for line in shown)
    return f"| {plain(first.set_name)} | {first.operation} | {plain(words.objects(one))} | {fields} |"


def _rows(one: Fold) -> Iterator[str]:
    node, title = one.report, plain(one.title)
    if node.change in ("create", "delete") and not node.found:
        units = ", ".join(step.unit.removesuffix(".service") for step in node.steps)
        yield f"| {title} | {node.change} | {words.count(len(node.paths), 'path')} | {plain(units)} |"
        return
    for step in node.steps:
        yield f"| {title} | **{step.action}** | `{code(step.unit)}` | {plain(step.because)} |"
    for setting in node.settings:
        yield f"| {title} | {' and '.join(setting.verbs)} | `{code(setting.unit)}` | {plain(setting.because)} |"
    for probe in node.probes:
        yield f"| {title} | probe | {plain(probe.name)} | {plain(probe.told)} |"
    for owned in node.ownership:
        yield f"| {title} | {plain(owned.change)} | `{code(owned.item)}` | {plain(words.ownership(owned))} |"
    for paths in similar(node.paths):
        where = braces([one.path for one in paths])
        yield f"| {title} | {paths[0].operation} | `{code(where)}` | {plain(_why(paths[0]))} |"
    if node.silent:
        yield f"| {title} | recorded only | {plain(', '.join(node.recorded))} | nothing on the node changes |"


def _why(path: PathChange) -> str:
    told = [", ".join(path.attributes), *path.details, path.because]
    if path.secret:
        told.append("secret: changes are not shown")
    if path.origin is Origin.BOTH:
        told.append("edited on the node, too")
    return "; ".join(one for one in told if one)


def _details(report: Report) -> Iterator[str]:
    for drift in (False, True):
        for one in fold(half for node in report.nodes if (half := part(node, drift=drift))):
            for path in one.report.paths:
                if path.diff:
                    yield _diff(f"<code>{_escaped(path.path)}</code> on {_escaped(one.title)}", path.diff, "diff")
        for behind in fold_objects(report.objects, drift):
            if len(behind.first.fields) > FEW_FIELDS:
                summary = f"{_escaped(behind.first.set_name)}: {_escaped(words.objects(behind))}"
                yield _diff(summary, behind.first.fields, "text")
    for notice in report.warnings:
        yield f"> warning: {_quoted(notice.text)}\n"
    if not report.empty:
        yield f"{words.unchanged(report)}\n"


def _diff(summary: str, changed: Sequence[str], language: str) -> str:
    lines = list(changed[:DIFF_LINES])
    if len(changed) > DIFF_LINES:
        lines.append(f"... {len(changed) - DIFF_LINES} more lines")
    fence = "`" * max(3, 1 + max((_ticks(line) for line in lines), default=0))
    body = "\n".join(lines)
    return f"<details><summary>{summary}</summary>\n\n{fence}{language}\n{body}\n{fence}\n\n</details>\n"


def _happened(found: Happened) -> Iterator[str]:
    yield f"### Happened\n\n{plain(words.happened(found))}\n"
    for line in found.differences:
        yield f"- {plain(line)}"
    for one in found.nodes:
        for line in one.differences:
            yield f"- **{plain(one.node)}**: {plain(line)}"
    for behind in found.objects:
        if behind.difference:
            yield f"- **{plain(behind.set_name)}**: {plain(behind.object)}: {plain(behind.difference)}"
    for notice in found.errors:
        yield f"> **error** {_quoted(notice.text)}\n"
    yield ""


def _ticks(line: str) -> int:
    longest = run = 0
    for one in line:
        run = run + 1 if one == "`" else 0
        longest = max(longest, run)
    return longest


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    text = _escaped(" ".join(text.split()))
    for one in "\\`*_[]|~#":
        text = text.replace(one, f"\\{one}")
    # Names of nodes are no mentions of people.
    return text.replace("@", "@\u200b")


def code(text: str) -> str:
    """Text inside a code span of a table, in one line."""
    return " ".join(text.splitlines()).replace("`", "'").replace("|", "\\|")


def _quoted(text: str) -> str:
    return "  \n> ".join(plain(line) for line in text.splitlines())
