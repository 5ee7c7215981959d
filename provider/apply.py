"""Brings a node to its desired state: stage, verify, swap, react once per unit, wait until ready; or put everything back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nodestate import Directory, File, NodeStateInputs
from provider import plan as planning
from provider.engine import Log
from provider.errors import NodeError, Unreachable
from provider.observe import Request, observe
from provider.observed import Installed, Observed
from provider.plan import FileChange, Plan, UnitStep, make_plan
from provider.react import react, ready, stop
from provider.remote import download, scripts
from provider.remote.blocks import NO_LINES
from provider.ssh import SshSession

STAGE_SECONDS = 3600
"""Downloads are part of staging."""


@dataclass
class _Work:
    """One update, planned against the state that was found on the node."""

    node: SshSession
    component: str
    found: Observed
    wanted: NodeStateInputs
    steps: tuple[UnitStep, ...]
    settings: Mapping[str, tuple[str, ...]]
    rewritten: dict[str, File]
    """Files with new content."""

    reshaped: dict[str, File]
    """Files with a new mode or owner only."""

    removed: list[str]
    directories: dict[str, Directory]
    removed_directories: list[str]
    retired: list[str]
    """Units whose own file is removed."""

    installed: dict[str, Installed] = field(default_factory=dict)

    @property
    def stopping(self) -> list[UnitStep]:
        return [step for step in self.steps if step.action == planning.STOP]

    @property
    def commits(self) -> bool:
        return bool(self.rewritten or self.reshaped or self.removed)


async def apply(
    node: SshSession,
    forecast: Plan,
    wanted: NodeStateInputs,
    component: str,
    installed: Mapping[str, Installed],
    log: Log,
) -> dict[str, Installed]:
    """Does what `forecast` names, and what the node itself turns out to need.

    The node is read first and only what differs is written, so a run that was interrupted, or that finds its work done,
    ends in the same state. Each step is logged. Returns what is installed of each download, by path.
    Raises NodeError, after everything was put back as it was found, if possible.
    """
    [found] = await observe(node, [Request(wanted, component, installed)])
    work = _work(node, forecast, found, wanted, component)
    work.installed = {path: one for path, one in installed.items() if path in wanted.files}
    for path in work.rewritten:
        if path in found.files and any(one.path == path and "added" in one.attributes for one in forecast.files):
            await log(f"{node.name}: {path} exists already: it is replaced")
    await _stage(work, log)
    reacted = False
    try:
        await stop(node, work.stopping, wanted, component, log)
        await _commit(work)
        await _settle(work)
        reacted = True
        reactions = tuple(step for step in work.steps if step.action != planning.STOP)
        await react(node, reactions, wanted, component, log)
    except Unreachable:
        raise  # the journal on the node tells the next run where this one stopped
    except NodeError as failure:
        if not work.commits and not found.pending:
            raise
        raise NodeError(f"{failure}\n{await _put_back(work, reacted, log)}") from None
    if work.commits or work.directories or found.pending:
        downloads = [path for path, file in wanted.files.items() if file.source is not None]
        done = await node.run("finish", scripts.finish_script(component, downloads), hiding=[wanted])
        _note_stamps(work, done.report)
    return work.installed


def _work(node: SshSession, forecast: Plan, found: Observed, wanted: NodeStateInputs, component: str) -> _Work:
    actual = make_plan(found, wanted)
    changed = [one for one in actual.files if one.path in wanted.files]
    return _Work(
        node,
        component,
        found,
        wanted,
        steps=_merged(forecast.steps, actual.steps, found),
        settings=actual.settings,
        rewritten={one.path: wanted.files[one.path] for one in changed if one.rewrites}
        | {one.path: NO_LINES for one in forecast.files if _removes_block(one)},
        reshaped={one.path: wanted.files[one.path] for one in changed if not one.rewrites},
        removed=[one.path for one in forecast.files if "removed" in one.attributes and not one.block],
        directories={one.path: wanted.directories[one.path] for one in actual.directories},
        removed_directories=[one.path for one in forecast.directories if "removed" in one.attributes],
        retired=[unit for unit in forecast.settings if unit not in wanted.units],
    )


def _removes_block(change: FileChange) -> bool:
    return change.block and "removed" in change.attributes


def _merged(forecast: tuple[UnitStep, ...], actual: tuple[UnitStep, ...], found: Observed) -> tuple[UnitStep, ...]:
    """The steps that were forecast, and those that the node needs as it was found; the stronger one per unit."""
    merged = {step.unit: step for step in actual}
    for step in forecast:
        other = merged.get(step.unit)
        if step.action == planning.START and _active(found, step.unit):
            continue  # it was started since
        if other is None or planning.STRENGTH[step.action] > planning.STRENGTH[other.action]:
            merged[step.unit] = step
    return tuple(step for _, step in sorted(merged.items()))


async def _stage(work: _Work, log: Log) -> None:
    """Stages new files beside their targets and notes in the journal which reactions they will need."""
    if not (work.rewritten or work.removed or work.directories):
        return
    await log(f"{work.node.name}: writing {_counted(len(work.rewritten), 'file')}", ephemeral=True)
    reactions = [f"{step.action}:{step.unit}" for step in work.steps if step.action != planning.STOP]
    done = await work.node.run(
        "stage",
        scripts.stage_script(work.rewritten, work.directories, work.component, reactions),
        hiding=[work.wanted],
        writes=len(work.rewritten) + len(work.directories),
        paths=(*work.rewritten, *work.directories),
        seconds=STAGE_SECONDS,
    )
    if done.status != 0:
        raise NodeError(f"{work.node.name}: staging files failed, nothing was changed: {done.failure}")
    for path, checksum in download.installed(done.report):
        if (source := work.wanted.files[path].source) is not None:
            work.installed[path] = Installed(source.sha256, source.extract, checksum)


async def _commit(work: _Work) -> None:
    if not work.commits:
        return
    changed = (*work.rewritten, *work.removed, *work.reshaped)
    script = scripts.commit_script(
        files=list(work.rewritten),
        modes=work.reshaped,
        removed=work.removed,
        retired=work.retired,
        component=work.component,
        unproven=any(one != planning.TIDY for one in work.found.pending),
    )
    done = await work.node.run("commit", script, hiding=[work.wanted], writes=len(changed), paths=changed)
    if done.status != 0:
        raise NodeError(f"{work.node.name}: the new files were refused: {done.failure}")


async def _settle(work: _Work) -> None:
    if not (work.settings or work.removed_directories):
        return
    done = await work.node.run(
        "settle",
        scripts.settle_script(work.settings, work.removed_directories, work.component),
        hiding=[work.wanted],
        writes=sum(len(verbs) for verbs in work.settings.values()) + len(work.removed_directories),
        paths=(*work.settings, *work.removed_directories),
    )
    if done.status != 0:
        raise NodeError(f"{work.node.name}: enabling or disabling units failed: {done.failure}")


async def _put_back(work: _Work, reacted: bool, log: Log) -> str:
    """Undoes a change that failed; returns the outcome, for the error."""
    name, found = work.node.name, work.found
    acting = [step for step in work.steps if step.action != planning.STOP] if reacted else []
    own = set(work.wanted.units)
    stopped = [step.unit for step in acting if step.unit in own and not _ran(found, step.unit)]
    restarted = [step.unit for step in acting if step.unit not in stopped] + [step.unit for step in work.stopping]
    script = scripts.restore_script(
        stopped=stopped,
        disabled=[unit for unit, verbs in work.settings.items() if "enable" in verbs],
        restarted=restarted,
        made_directories=[path for path in work.directories if path not in found.directories],
        component=work.component,
    )
    await log(f"{name}: putting back the previous files", ephemeral=True)
    done = await work.node.run(
        "roll back",
        script,
        hiding=[work.wanted],
        writes=len(work.rewritten) + len(work.reshaped) + len(work.removed),
        paths=(*work.rewritten, *work.reshaped, *work.removed),
    )
    # If nothing existed before, nothing is put back: the new files are removed.
    first = (
        not found.pending
        and not work.removed
        and not any(path in found.files for path in (*work.rewritten, *work.reshaped))
    )
    text = f"{name}: {'the new files were removed again' if first else 'the previous files were put back'}"
    if restarted:
        text += f" and {', '.join(restarted)} restarted"
    if done.status != 0:
        return f"{text}, which failed: {done.failure}"
    if stopped:
        text += f"{';' if restarted else ' and'} {', '.join(stopped)} stopped, as found"
    try:
        await ready(work.node, [unit for unit in restarted if unit in own], work.wanted, log)
    except Unreachable as failure:
        return f"{text}; then {failure}"
    except NodeError:
        return f"{text}, but with those it is not ready either: see its journal on the node"
    return text


def _note_stamps(work: _Work, printed: str) -> None:
    """Notes beside each download's checksum the stamp by which the next read knows it without reading it."""
    for path, stamp in download.stamps(printed):
        source = work.wanted.files[path].source if path in work.wanted.files else None
        if source is None:
            continue
        known = work.installed.get(path)
        if known is None or known.identity != source.identity:
            # It was found in place with the expected checksum: only a file that is not extracted has a known one then.
            known = Installed(source.sha256, source.extract, source.sha256)
        work.installed[path] = replace(known, stamp=stamp)


def _active(found: Observed, unit: str) -> bool:
    observed = found.units.get(unit)
    return observed is not None and observed.active


def _ran(found: Observed, unit: str) -> bool:
    """Whether it ran before this change, or before the broken run that this one continues."""
    left = (f"{action} {unit}" for action in (planning.RESTART, planning.RELOAD, planning.SELF_RELOAD))
    return _active(found, unit) or any(one in found.pending for one in left)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
