"""A unit's state from systemd's properties, the links that enable it, its drop-ins, and the files it was started with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from nodestate import Action, NodeStateInputs, Unit
from provider.install import install_links, unit_text
from provider.observed import ObservedUnit
from provider.remote.report import Report
from provider.remote.units import UNIT_FOLDER

MICROSECONDS = 1_000_000
RESTARTS = 3
SETTLED_SECONDS = 60
"""A unit that systemd has restarted RESTARTS times, the last time less than this ago, does not stay up."""

GENERATED = ("/run/systemd/generator", "/run/systemd/propagate", "/run/systemd/transient")
"""Written by systemd itself at each start."""


class Context(NamedTuple):
    """One request's part of a report, for its units: what is wanted, what any component declares, and checksums found."""

    report: Report
    wanted: NodeStateInputs
    declared: Collection[str]
    sums: Mapping[str, str]


def observed_unit(name: str, wanted: Unit, context: Context) -> ObservedUnit | None:
    """The unit's state; None if systemd does not know the unit."""
    properties = context.report.units[name]
    if properties.get("LoadState") == "not-found":
        return None
    state, enabled = properties.get("ActiveState", ""), properties.get("UnitFileState", "")
    # A unit that cannot be enabled (static, generated) is not asked to be.
    fixed = enabled in ("static", "generated", "indirect", "alias", "transient", "")
    retrying = properties.get("SubState") == "auto-restart"
    restarts = _number(properties.get("NRestarts"))
    # Below /run a mask takes effect only once the file below /etc is away; it is named, and taken away, all the same.
    linked = _linked_away(name, context.report)
    masked = linked or properties.get("LoadState") == "masked" or enabled in ("masked", "masked-runtime")
    since = _running_seconds(context.report, properties)
    unsettled = retrying or (since is not None and since < SETTLED_SECONDS)
    return ObservedUnit(
        foreign_drop_ins=wanted.foreign_drop_ins,
        enabled=wanted.enabled if fixed else enabled in ("enabled", "enabled-runtime"),
        # Between two tries after a failure it does not run, although systemd calls it activating.
        active=state in ("active", "reloading", "activating") and not retrying,
        masked=masked,
        runtime=enabled.endswith("-runtime") or (linked and enabled != "masked"),
        failed=state == "failed",
        starting=state == "activating" and not retrying,
        restarts=restarts,
        looping=unsettled and restarts >= (1 if retrying else RESTARTS),
        # systemd does not notice the first drop-in in a new folder.
        reload_needed=properties.get("NeedDaemonReload") == "yes"
        or (not masked and bool({*_beside(name, context.report)} - {*properties.get("DropInPaths", "").split()})),
        fragment=_foreign_fragment(name, properties, masked, context),
        drop_ins=_foreign_drop_ins(name, properties, context),
        links=_other_links(name, enabled, context),
        stale=_stale(name, properties, since, context),
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _running_seconds(report: Report, properties: Mapping[str, str]) -> float | None:
    """Seconds since the unit was last started, by the clock that nobody sets; None if it was not."""
    started = max(
        _number(properties.get(one)) for one in ("InactiveExitTimestampMonotonic", "ExecMainStartTimestampMonotonic")
    )
    return None if not started or report.uptime is None else report.uptime - started / MICROSECONDS


def _linked_away(name: str, report: Report) -> bool:
    return report.unit_links.get(f"/run/systemd/system/{name}") == "/dev/null"


def _foreign_fragment(name: str, properties: Mapping[str, str], masked: bool, context: Context) -> str | None:
    own, used = f"{UNIT_FOLDER}{name}", properties.get("FragmentPath", "")
    foreign = own in context.wanted.files and own in context.report.found and used not in ("", own)
    # Until systemd reads the files again it describes the former ones.
    return used if foreign and not masked and properties.get("NeedDaemonReload") != "yes" else None


def _foreign_drop_ins(name: str, properties: Mapping[str, str], context: Context) -> tuple[str, ...]:
    beside = _beside(name, context.report)
    return tuple(
        sorted(
            path
            for path in {*properties.get("DropInPaths", "").split(), *beside}
            if path.startswith(("/etc/", "/run/")) and not path.startswith(GENERATED) and path not in context.declared
        )
    )


def _beside(name: str, report: Report) -> list[str]:
    return [one for one in report.drop_ins if one.split("/")[-2] == f"{name}.d"]


def _other_links(name: str, enabled: str, context: Context) -> tuple[str, ...]:
    expected = install_links(name, unit_text(name, context.wanted.files))
    if enabled != "enabled" or expected is None:
        return ()
    found = frozenset(_links(name, context.report.unit_links))
    return tuple(sorted(found)) if found != expected else ()


def _links(name: str, links: Mapping[str, str]) -> Iterable[str]:
    for path, target in links.items():
        link = path.removeprefix(UNIT_FOLDER)
        folder, _, last = link.rpartition("/")
        beside = folder.endswith((".wants", ".requires", ".upholds")) and last == name
        alias = not folder and link != name and target.rpartition("/")[2] == name
        if link != path and (beside or alias):
            yield link


def _stale(name: str, properties: Mapping[str, str], since: float | None, context: Context) -> tuple[str, ...]:
    """The files of its restart reactions that changed after it was started.

    Where a run noted the files that this very invocation was started with, their checksums decide; otherwise the age of
    the file and of the process, each by one clock of the node. A file from the future decides nothing: the clock was set.
    """
    report = context.report
    if properties.get("ActiveState") not in ("active", "reloading") or since is None:
        return ()
    noted = report.started_with[name] if report.invocations.get(name, "-") == properties.get("InvocationID") else {}
    found = set()
    for reaction in context.wanted.reactions:
        if reaction.unit != name or reaction.action != Action.RESTART:
            continue
        for path in reaction.files:
            file, there = context.wanted.files.get(path), report.found.get(path)
            if file is None or file.block or there is None or not there.mtime or report.epoch is None:
                continue
            checksum = context.sums.get(path)
            if path in noted and checksum:
                changed = noted[path] != checksum
            else:
                age = report.epoch - int(there.mtime)
                # The node's clock is read in whole seconds.
                changed = age >= 0 and age + 1 < since
            if changed:
                found.add(path)
    return tuple(sorted(found))
