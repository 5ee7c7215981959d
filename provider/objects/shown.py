"""The plan of a set as lines and rows: each object with its fields, old and new. A secret field has no values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from nodestate import vocabulary as words
from nodestate.secret import HIDDEN
from provider import views
from provider.calls import CALL
from provider.engine import Engine
from provider.objects.manifest import shown_path, shown_value
from provider.objects.plan import CREATE, DELETE, FieldChange, ObjectChange, SetPlan, remedy
from provider.views import Row

NOTHING = "(nothing)"


def lines(change: ObjectChange) -> list[str]:
    """The changes of an object, a field each; of a text of several lines, the lines that change."""
    found = [line for one in change.fields for line in _field(one)]
    found += [f"{conflict}: it is taken back" for conflict in change.taken]
    return found + ([change.note] if change.note else [])


async def announce(engine: Engine, urn: str, name: str, plan: SetPlan) -> None:
    """Shows the plan of a set in a preview: its lines, and a row per object."""
    for line in log_lines(plan):
        await engine.log(urn, line)
    if (reason := await views.publish(CALL.get(), rows(name, plan))) is not None:
        told = f"set {name}: the engine did not take the rows of this plan ({reason}): the lines tell of it"
        await engine.warn(urn, told)


async def announce_existing(engine: Engine, urn: str, name: str) -> None:
    """Shows in a preview that a set is created and all of it exists, or that a node has registered with its labels. A creation
    without rows is read as one of all its objects."""
    facts = {words.CHANGE: "field manager", words.BECAUSE: words.ALL_EXISTS}
    row = Row(words.OWNERSHIP, words.row_name(name, urn.rpartition("::")[2]), "update", facts)
    if (reason := await views.publish(CALL.get(), [row])) is not None:
        told = f"set {name}: the engine did not take the row of this plan ({reason}): all of it exists"
        await engine.warn(urn, told)


def log_lines(plan: SetPlan) -> Iterator[str]:
    """The lines of a preview about a set."""
    for change in plan.changes:
        because = " (drift)" if change.drift and change.operation != DELETE else ""
        if change.operation == CREATE:
            yield f"{change.ref}: created{because}{f': {change.note}' if change.note else ''}"
        elif change.operation == DELETE:
            yield f"{change.ref}: deleted{f': {change.note}' if change.note else ''}"
        else:
            yield from (f"{change.ref}: {line}{because}" for line in lines(change))


def warnings(plan: SetPlan) -> Iterator[str]:
    """The fields that are left to other managers, and what to do about it."""
    for ref, left in sorted(plan.left.items()):
        for conflict in left:
            yield f"{ref}: {conflict}, and is left to it: {remedy(conflict)}"


def rows(name: str, plan: SetPlan) -> list[Row]:
    """A row of the preview per object that changes."""
    return [_row(name, change) for change in plan.changes]


def _row(name: str, change: ObjectChange) -> Row:
    facts = {
        words.CHANGE: ", ".join(dict.fromkeys(shown_path(one.path) for one in change.fields)),
        words.BECAUSE: words.DRIFTED if change.drift else "",
        words.FIELDS: "\n".join(lines(change)),
    }
    given = {key: value for key, value in facts.items() if value}
    return Row(words.OBJECT, words.row_name(name, str(change.ref)), change.operation, given)


def _field(change: FieldChange) -> Iterator[str]:
    path = shown_path(change.path)
    if change.secret:
        yield f"{path}: {HIDDEN}"
    elif isinstance(change.old, str) and isinstance(change.new, str) and "\n" in change.old + change.new:
        changed = difflib.unified_diff(change.old.splitlines(), change.new.splitlines(), n=0, lineterm="")
        yield from (f"{path}: {line[0]} {line[1:]}" for line in changed if not line.startswith(("---", "+++", "@@")))
    else:
        old, new = (NOTHING if one is None else shown_value(one) for one in (change.old, change.new))
        yield f"{path}: {old} -> {new}"
