"""An update beside its forecast: the steps that were begun, the paths that changed, and each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from nodestate import vocabulary
from nodestate.names import natural
from report import objects
from report.build import build
from report.events import DONE, FAILED, PRE, QUIET, Step, Stream
from report.model import Happened, NodeOutcome, NodeReport, Notice, PathChange, Report, UnitStep
from report.node import MEMBER

COVERED = {vocabulary.REREAD: (vocabulary.REREAD, vocabulary.RESTART)}
"""By forecast action: the actions that it announces, if others than itself."""


def combined(streams: Sequence[Stream]) -> Report:
    """The report of one operation, or of a preview and the update that followed it."""
    report = build(streams[0])
    return report if len(streams) == 1 else compare(report, streams[-1])


def compare(forecast: Report, stream: Stream) -> Report:
    """The forecast with what the update of `stream` did beside it."""
    update = build(stream)
    foretold, did = ({one.node: one for one in report.nodes} for report in (forecast, update))
    states = [one for one in stream.steps if one.type == vocabulary.NODE_STATE]
    outcomes = [
        _outcome(node, foretold.get(node), did.get(node), [one for one in states if one.node == node], stream)
        for node in sorted(foretold.keys() | did.keys(), key=natural)
    ]
    errors = update.errors or ((Notice("the event stream of the update ended early"),) if not stream.result else ())
    others = () if errors else tuple(_others(forecast, update))
    result = stream.result or "failed"
    failures = [one for one in stream.steps if one.phase == FAILED]
    behind = tuple(objects.outcomes(forecast, failures, stream.messages, result == "succeeded"))
    return replace(forecast, happened=Happened(result, stream.seconds, tuple(outcomes), others, errors, behind))


def _outcome(
    node: str, foretold: NodeReport | None, did: NodeReport | None, states: list[Step], stream: Stream
) -> NodeOutcome:
    begun = [one for one in states if one.phase == PRE and one.op not in QUIET]
    ended = {one.urn for one in states if one.phase == DONE and one.op not in QUIET}
    failures = {one.urn for one in states if one.phase == FAILED}
    untouched = {one.urn for one in stream.messages if one.severity == "error" and vocabulary.UNTOUCHED in one.text}
    steps = tuple(_steps(node, stream))
    paths = _paths(foretold, did, states, stream)
    seen = {one.name for one in states if one.phase == PRE and one.op not in ("refresh", "read")}
    missed = [name for name in foretold.components if name not in seen] if foretold is not None else []
    if failures and failures <= untouched and not steps:
        result, differences = "not reached", ["not touched: its turn did not come"]
    elif failures or (begun and not {one.urn for one in begun} <= ended):
        result, differences = "failed", ["it failed"]
    elif missed and stream.result != "succeeded":
        result, differences = "not reached", ["the run ended before it was complete"]
    else:
        result, differences = "done", list(_differences(foretold, steps, paths))
    times = [one.at for one in states if one.op not in QUIET]
    seconds = max(times) - min(times) if times else 0
    return NodeOutcome(node, result, seconds, steps, tuple(paths), tuple(differences))


def _steps(node: str, stream: Stream) -> Iterator[UnitStep]:
    for message in stream.messages:
        done = vocabulary.done(message.text) if message.severity.startswith("info") else None
        if done is not None and done.node == node:
            yield UnitStep(done.unit, done.action, done.because, component=message.urn.split("::", 3)[-1])


def _paths(foretold: NodeReport | None, did: NodeReport | None, states: Iterable[Step], stream: Stream) -> list[str]:
    """The paths of the update's differences, of resources that are created or deleted, and of what was moved aside.

    A created resource whose forecast is compared with the node changes what that says: the update's events name all it has.
    """
    known = foretold.found if foretold is not None else ()
    found = {one.path for one in did.paths if one.component not in known} if did is not None else set()
    if foretold is not None:
        found |= {one.path for one in foretold.paths if one.component in known}
    node = next((one.node for one in (did, foretold) if one is not None), "")
    for step in states:
        if step.phase == PRE and step.op not in QUIET:
            members = [match.groups() for one in step.diff if (match := MEMBER.match(one))]
            found |= {name.replace('\\"', '"') for section, name in members if section in ("files", "directories")}
    for message in stream.messages:
        moved = vocabulary.moved_path(message.text)
        if moved is not None and moved[0] == node:
            found.add(moved[1])
    return sorted(found - _handed_over(foretold))


def _handed_over(foretold: NodeReport | None) -> set[str]:
    """Paths that only change their component: the update's differences name them, since a component has them that had not."""
    if foretold is None:
        return set()
    return {one.item for one in foretold.ownership if one.to} - {one.path for one in foretold.paths}


def _differences(foretold: NodeReport | None, steps: Iterable[UnitStep], paths: Iterable[str]) -> Iterator[str]:
    expected = {one.unit: one.action for one in foretold.steps} if foretold is not None else {}
    happened: dict[str, list[str]] = {}
    for step in steps:
        happened.setdefault(step.unit, []).append(step.action)
    for unit in sorted(expected.keys() | happened.keys()):
        action, actions = expected.get(unit), happened.get(unit, [])
        if action is None:
            yield f"{unit}: {' and '.join(actions)}, not forecast"
        elif not actions and action != vocabulary.REREAD:
            yield f"{unit}: forecast {action}, did not happen"
        elif wrong := [one for one in actions if one not in COVERED.get(action, (action,))]:
            yield f"{unit}: forecast {action}, happened {' and '.join(wrong)}"
        elif len(actions) > 1 and len(set(actions)) == 1:
            yield f"{unit}: forecast {action} once, happened {len(actions)} times"
    known = _by_path(foretold)
    for path in sorted(known.keys() | set(paths)):
        if path not in known:
            yield f"{path}: changed, not forecast"
        elif path not in set(paths):
            yield f"{path}: forecast {known[path].operation}, did not happen"


def _by_path(foretold: NodeReport | None) -> Mapping[str, PathChange]:
    return {one.path: one for one in foretold.paths} if foretold is not None else {}


def _others(forecast: Report, update: Report) -> Iterator[str]:
    """Certificates and other resources whose operation is another than forecast."""
    before, after = _operations(forecast), _operations(update)
    for name in sorted(before.keys() | after.keys(), key=natural):
        if before.get(name) != after.get(name):
            yield f"{name}: forecast {before.get(name, 'nothing')}, happened {after.get(name, 'nothing')}"


def _operations(report: Report) -> dict[str, str]:
    # Of a set the objects are compared.
    found = {one.name: one.operation for one in report.resources if one.type not in objects.SETS}
    return found | {one.name: one.operation for one in report.certificates if one.operation != "same"}
