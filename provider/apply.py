"""Brings a node to its desired state: stage, check, swap, react once a unit, prove ready; or put everything back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from provider import plan as planning
from provider import script
from provider.model import Content, Directory, File, Installed, NodeError, State
from provider.observe import Request, observe
from provider.plan import FileChange, Plan, UnitStep
from provider.react import Say, last, react, ready, stop, without_secrets
from provider.transport import Node, Unreachable

NO_LINES = File(Content(""), None, "", "", "", block=True)
STAGE_SECONDS = 3600
"""Downloads are part of staging."""


@dataclass
class _Work:
    """One update, worked out against what the node was found to be."""

    node: Node
    concern: str
    found: State
    wanted: State
    steps: tuple[UnitStep, ...]
    settings: Mapping[str, tuple[str, ...]]
    rewritten: dict[str, File]
    reshaped: dict[str, File]
    removed: list[str]
    directories: dict[str, Directory]
    gone: list[str]
    """Directories no longer wanted."""

    ending: list[str]
    """Units whose own file is removed."""

    installed: dict[str, Installed] = field(default_factory=dict)

    @property
    def stopping(self) -> list[UnitStep]:
        return [step for step in self.steps if step.action == planning.STOP]

    @property
    def commits(self) -> bool:
        return bool(self.rewritten or self.reshaped or self.removed)


async def apply(
    node: Node, forecast: Plan, wanted: State, concern: str, installed: Mapping[str, Installed], say: Say
) -> dict[str, Installed]:
    """Does what `forecast` names, and what the node itself turns out to need besides.

    The node is read first: only what differs there is written, so a run that was interrupted, or that finds its work
    done, ends in the same state. `say` is told of each step. Returns what is installed of each download, by path.
    Raises NodeError, with everything put back as it was found, if it could be.
    """
    [found] = await observe(node, [Request(wanted, concern, installed)])
    work = _work(node, forecast, found, wanted, concern)
    work.installed = {path: one for path, one in installed.items() if path in wanted.files}
    for path in work.rewritten:
        if path in found.files and any(one.path == path and "added" in one.attributes for one in forecast.files):
            await say(f"{node.name}: {path} is there already: it is replaced")
    await _stage(work, say)
    reacted = False
    try:
        await stop(node, work.stopping, concern, say)
        await _commit(work)
        await _settle(work)
        reacted = True
        await react(node, tuple(step for step in work.steps if step.action != planning.STOP), wanted, concern, say)
    except Unreachable:
        raise  # the notes on the node tell the next run where this one stopped
    except NodeError as failure:
        if not work.commits and not found.pending:
            raise
        raise NodeError(f"{failure}\n{await _put_back(work, reacted, say)}") from None
    if work.commits or work.directories or found.pending:
        downloads = [path for path, file in wanted.files.items() if file.source is not None]
        done = await node.run("finish", script.finish_script(concern, downloads))
        _stamp(work, done.stdout)
    return work.installed


def _work(node: Node, forecast: Plan, found: State, wanted: State, concern: str) -> _Work:
    actual = planning.make(found, wanted)
    changed = [one for one in actual.files if one.path in wanted.files]
    return _Work(
        node,
        concern,
        found,
        wanted,
        steps=_merged(forecast.steps, actual.steps, found),
        settings=actual.settings,
        rewritten={one.path: wanted.files[one.path] for one in changed if one.rewrites}
        | {one.path: NO_LINES for one in forecast.files if _leaves_block(one)},
        reshaped={one.path: wanted.files[one.path] for one in changed if not one.rewrites},
        removed=[one.path for one in forecast.files if "removed" in one.attributes and not one.block],
        directories={one.path: wanted.directories[one.path] for one in actual.directories},
        gone=[one.path for one in forecast.directories if "removed" in one.attributes],
        ending=[unit for unit in forecast.settings if unit not in wanted.units],
    )


def _leaves_block(change: FileChange) -> bool:
    return change.block and "removed" in change.attributes


def _merged(forecast: tuple[UnitStep, ...], actual: tuple[UnitStep, ...], found: State) -> tuple[UnitStep, ...]:
    """What was announced, and what the node needs besides. A start stands above a restart."""
    merged = {step.unit: step for step in actual}
    for step in forecast:
        other = merged.get(step.unit)
        if step.action == planning.START and _active(found, step.unit):
            continue  # somebody started it since
        if other is None or planning.STRENGTH[step.action] > planning.STRENGTH[other.action]:
            merged[step.unit] = step
    return tuple(step for _, step in sorted(merged.items()))


async def _stage(work: _Work, say: Say) -> None:
    """Puts new files beside their targets and notes which units will be owed a reaction: no broken run is silent."""
    if not (work.rewritten or work.removed or work.directories):
        return
    await say(f"{work.node.name}: writing {_counted(len(work.rewritten), 'file')}", passing=True)
    owed = [f"{step.action}:{step.unit}" for step in work.steps if step.action != planning.STOP]
    done = await work.node.run(
        "stage",
        script.stage_script(work.rewritten, work.directories, work.concern, owed),
        writes=len(work.rewritten) + len(work.directories),
        paths=(*work.rewritten, *work.directories),
        seconds=STAGE_SECONDS,
    )
    if done.status != 0:
        said = without_secrets(last(done.stderr), work.wanted)
        raise NodeError(f"{work.node.name}: staging files failed, nothing was changed: {said}")
    for line in done.stdout.splitlines():
        kind, _, rest = line.partition("\t")
        path, _, checksum = rest.partition("\t")
        source = work.wanted.files[path].source if kind == "installed" else None
        if source is not None:
            work.installed[path] = Installed(source, checksum)


async def _commit(work: _Work) -> None:
    if not work.commits:
        return
    changed = (*work.rewritten, *work.removed, *work.reshaped)
    unproven = any(one != planning.TIDY for one in work.found.pending)
    commit = script.commit_script(
        list(work.rewritten), work.reshaped, work.removed, work.ending, work.concern, unproven
    )
    done = await work.node.run("commit", commit, writes=len(changed), paths=changed)
    if done.status != 0:
        said = without_secrets(last(done.stderr), work.wanted)
        raise NodeError(f"{work.node.name}: the new files were refused: {said}")


async def _settle(work: _Work) -> None:
    if not (work.settings or work.gone):
        return
    writes = sum(len(verbs) for verbs in work.settings.values()) + len(work.gone)
    done = await work.node.run(
        "settle",
        script.settle_script(work.settings, work.gone, work.concern),
        writes=writes,
        paths=(*work.settings, *work.gone),
    )
    if done.status != 0:
        raise NodeError(f"{work.node.name}: enabling or disabling units failed: {last(done.stderr)}")


async def _put_back(work: _Work, reacted: bool, say: Say) -> str:
    """Undoes a change that failed; returns what became of it, for the error."""
    name, found = work.node.name, work.found
    acting = [step for step in work.steps if step.action != planning.STOP] if reacted else []
    own = set(work.wanted.units)
    stopped = [step.unit for step in acting if step.unit in own and not _ran(found, step.unit)]
    restarted = [step.unit for step in acting if step.unit not in stopped] + [step.unit for step in work.stopping]
    disabled = [unit for unit, verbs in work.settings.items() if "enable" in verbs]
    made = [path for path in work.directories if path not in found.directories]
    await say(f"{name}: putting back the previous files", passing=True)
    done = await work.node.run(
        "roll back",
        script.restore_script(stopped, disabled, restarted, made, work.concern),
        writes=len(work.rewritten) + len(work.reshaped) + len(work.removed),
        paths=(*work.rewritten, *work.reshaped, *work.removed),
    )
    # Where nothing stood before, nothing is put back: what was written goes.
    first = (
        not found.pending
        and not work.removed
        and not any(path in found.files for path in (*work.rewritten, *work.reshaped))
    )
    text = f"{name}: {'the new files were removed again' if first else 'the previous files were put back'}"
    if restarted:
        text += f" and {', '.join(restarted)} restarted"
    if done.status != 0:
        return f"{text}, which failed: {without_secrets(last(done.stderr), work.wanted)}"
    if stopped:
        text += f"{';' if restarted else ' and'} {', '.join(stopped)} stopped, as found"
    try:
        await ready(work.node, [unit for unit in restarted if unit in own], work.wanted, say)
    except Unreachable as failure:
        return f"{text}; then {failure}"
    except NodeError:
        return f"{text}, but with those it is not ready either: look at it on the node"
    return text


def _stamp(work: _Work, printed: str) -> None:
    """Notes beside each download's checksum the stamp by which the next read knows it unread."""
    for line in printed.splitlines():
        kind, _, rest = line.partition("\t")
        stamp, _, path = rest.partition("\t")
        source = work.wanted.files[path].source if kind == "stamp" and path in work.wanted.files else None
        if source is None:
            continue
        known = work.installed.get(path)
        if known is None or known.source.identity != source.identity:
            # Found in its place as it should be: only what is not extracted has a known checksum then.
            known = Installed(source, source.sha256)
        work.installed[path] = replace(known, stamp=stamp)


def _active(found: State, unit: str) -> bool:
    observed = found.units.get(unit)
    return observed is not None and observed.active


def _ran(found: State, unit: str) -> bool:
    """Whether it ran before this change, or before the broken run that this one goes on from."""
    owed = (f"{action} {unit}" for action in (planning.RESTART, planning.RELOAD, planning.SELF_RELOAD))
    return _active(found, unit) or any(one in found.pending for one in owed)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
