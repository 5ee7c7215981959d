"""Compares a node's forecast with what happened to it. Pure: events and records in, sentences out."""

from __future__ import annotations

from tests.forecast.forecast import CHANGED, Forecast
from tests.forecast.record import ADDED, REMOVED, RESTART, START, WRITTEN, Happened, Record
from tests.forecast.world import World


def differences(forecast: Forecast, before: Record, happened: Happened, shared: set[str]) -> list[str]:
    """Every difference between the forecast and what happened. `shared` are the files of which only a block is managed:
    for them any kind of change is the same."""
    found = []
    for path in sorted(forecast.paths.keys() | happened.paths.keys()):
        said, did = forecast.paths.get(path), happened.paths.get(path)
        if said is None and _implied(forecast, did, path):
            continue
        if said != did and not (path in shared and said and did) and not _same(said, did, before, path):
            found.append(f"{path}: forecast {said or 'nothing'}, happened {did or 'nothing'}{_told(forecast, path)}")
    for unit in sorted(forecast.steps.keys() | happened.steps.keys() | forecast.conditional):
        said, did = forecast.steps.get(unit), happened.steps.get(unit)
        if unit in forecast.conditional and said is None:
            said = "conditional restart"
            if did in (None, RESTART):
                continue
        if (
            said != did
            and (did or "nothing") not in (said or "").split(" or ")
            and not _either(said, did, before, unit)
        ):
            found.append(f"{unit}: forecast {said or 'nothing'}, happened {did or 'nothing'}{_told(forecast, unit)}")
    return found


def _told(forecast: Forecast, name: str) -> str:
    rows = [row for row in forecast.causes if name in row.split()]
    return f" ({'; '.join(rows)})" if rows else ""


def beyond_approval(forecast: Forecast, happened: Happened, changed: World) -> list[str]:
    """Everything that an approved plan did although it should not have, on a node that changed since: all that happened to
    the components of `changed`, whose plan is refused, and all else that was not approved."""
    refused = {*changed.files, *changed.directories, *changed.units}
    return [
        *(
            f"{path}: {kind}"
            for path, kind in happened.paths.items()
            if path in refused or forecast.paths.get(path) != kind
        ),
        *(
            f"{unit}: {step}"
            for unit, step in happened.steps.items()
            if unit in refused or (forecast.steps.get(unit) != step and unit not in forecast.conditional)
        ),
    ]


def disruptions(happened: Happened) -> list[str]:
    """All that happened, in words; for a node on which nothing should."""
    return [
        *(f"{path}: {kind}" for path, kind in happened.paths.items()),
        *(f"{unit}: {step}" for unit, step in happened.steps.items()),
        *(f"{unit}: enablement" for unit in sorted(happened.settings)),
    ]


def _implied(forecast: Forecast, did: str | None, path: str) -> bool:
    """A folder that is made for a file, or removed with its last one, is named by the file's path."""
    below = {kind for one, kind in forecast.paths.items() if one.startswith(f"{path}/")}
    return did in (ADDED, REMOVED) and did in below


def _same(said: str | None, did: str | None, before: Record, path: str) -> bool:
    """A symlink in a file's place that is replaced is written; a directory that is removed and made again is the same."""
    was = before.paths.get(path)
    if said == CHANGED and did is not None:
        return True
    if was is None:
        return False
    if was.target == "/dev/null" and said is None:
        return True  # the link of a masked unit: a setting, not a file
    return ({said, did} == {ADDED, WRITTEN} and was.kind == "l") or (was.kind == "d" and (said, did) == (WRITTEN, None))


def _either(said: str | None, did: str | None, before: Record, unit: str) -> bool:
    """A unit that fails again and again runs and does not run: to start it and to restart it are the same; and systemd
    may have given up on it, or started it once more, while the update ran."""
    was = before.units.get(unit)
    return was is not None and was.failing and {said, did} <= {START, RESTART}
