"""Restarts, reloads and checks units after their files changed, and waits until they are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from cryptography import x509

from nodestate import Action, File, Hook, NodeState, Readiness, vocabulary
from nodestate.secret import known_text
from provider import changes
from provider.changes import UnitStep
from provider.engine import Log
from provider.errors import NodeError
from provider.observed import Installed
from provider.remote import units as remote_units
from provider.remote.scripts import act_script, handed, reacted_script
from provider.remote.shell import user_script
from provider.scrub import indented
from provider.served import wait_served
from provider.ssh import SshSession

SERVED_SECONDS = 30
"""How long a program gets to notice its new certificate by itself; the kubelet looks when the file changes."""

UP_SECONDS = 10
"""How long a unit without a readiness check gets to be active."""

HOOK_SECONDS = 600


async def stop(node: SshSession, steps: Iterable[UnitStep], wanted: NodeState, component: str, log: Log) -> None:
    """Stops units, but for those that another component has claimed. Raises NodeError."""
    for step in steps:
        await log(f"{node.name}: {_doing(step)}")
        script = act_script("stop", [step.unit], component)
        done = await node.run("stop", script, hiding=[wanted], writes=1, paths=(step.unit,))
        if done.status != 0:
            raise NodeError(f"{node.name}: {step.unit} does not stop: {done.failure}")
        if other := handed(done.report).get(step.unit):
            await log(f"{node.name}: {step.unit} is left alone: {other} has it now")


async def react(
    node: SshSession,
    steps: tuple[UnitStep, ...],
    wanted: NodeState,
    component: str,
    log: Log,
    installed: Mapping[str, Installed] = MappingProxyType({}),
) -> None:
    """Each unit once: first starts and restarts together, ordered by systemd; then reloads; then certificates.

    Returns once each unit is ready: all are waited for at once. Raises NodeError, with the end of the unit's journal, for the first
    that is not. `installed` are the downloads by path.
    """
    starting = [step for step in steps if step.action in (changes.START, changes.RESTART)]
    reloading = [step for step in steps if step.action == changes.RELOAD]
    for step in starting:
        await log(f"{node.name}: {_doing(step)}")
    for step in starting:
        await _pre_start(node, step.unit, wanted)
    if starting:
        units = tuple(step.unit for step in starting)
        script = act_script("restart", units, component)
        done = await node.run("restart", script, hiding=[wanted], writes=len(units), paths=units)
        if done.status != 0:
            failed = (done.stdout.split() or list(units))[0]
            raise NodeError(await _not_ready(node, failed, done.failure, wanted))
    for step in reloading:
        await log(f"{node.name}: {_doing(step)}")
        script = act_script("reload", [step.unit], component)
        done = await node.run("reload", script, hiding=[wanted], writes=1, paths=(step.unit,))
        if done.status != 0:
            raise NodeError(await _not_ready(node, step.unit, done.failure, wanted))
    await all_of(_react_ready(node, step, wanted, component, log, installed) for step in (*starting, *reloading))
    for step in steps:
        if step.action == changes.SELF_RELOAD:
            await _reread(node, step, wanted, component, log)
            await _noted(node, reacted_script(component, step.unit, (), None), "reacted", wanted)


async def _pre_start(node: SshSession, unit: str, wanted: NodeState) -> None:
    for hook in wanted.pre_start:
        if hook.unit == unit:
            await _run_hook(node, "pre-start", hook, wanted, "is not started: its pre-start hook failed")


async def pre_delete(node: SshSession, state: NodeState) -> None:
    """Runs the pre-delete hooks. Raises NodeError if one fails; nothing is removed then."""
    for hook in state.pre_delete:
        failed = "is not removed, and nothing else was: its pre-delete hook failed"
        await _run_hook(node, "pre-delete", hook, state, failed, writes=1)


async def _run_hook(
    node: SshSession, operation: str, hook: Hook, state: NodeState, failed: str, writes: int = 0
) -> None:
    done = await node.run(
        operation,
        user_script(hook.script),
        hiding=[state],
        writes=writes,
        paths=(hook.unit,) if writes else (),
        seconds=HOOK_SECONDS,
    )
    if done.status != 0:
        raise NodeError(f"{node.name}: {hook.unit} {failed}: {done.failure}")


def _doing(step: UnitStep) -> str:
    return vocabulary.doing(step.unit, step.action, step.because)


async def all_of(waits: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all at once, each to its end: what runs on a node cannot be taken back. Then raises the first error, in their order."""
    for outcome in await asyncio.gather(*waits, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def _react_ready(
    node: SshSession, step: UnitStep, wanted: NodeState, component: str, log: Log, installed: Mapping[str, Installed]
) -> None:
    """Waits until a unit is ready after its step, and notes that in the journal: the next run does not repeat it."""
    checks = checks_of(step.unit, wanted)
    for check in checks[:-1]:
        await _wait(
            node, step.unit, remote_units.ready_script(step.unit, check.http, check.timeout), check, wanted, log
        )
    started = step.action in (changes.START, changes.RESTART)
    files = {
        path: _checksum(wanted.files[path], installed.get(path))
        for reaction in wanted.reactions
        if (reaction.unit, reaction.action) == (step.unit, Action.RESTART)
        for path in reaction.files
        if not wanted.files[path].block
    }
    script = reacted_script(component, step.unit, checks[-1:], files if started else None)
    if checks:
        await _wait(node, step.unit, script, checks[-1], wanted, log)
    else:
        await _noted(node, script, "reacted", wanted)


def _checksum(file: File, installed: Installed | None) -> str:
    """That of a download, if it is known: it may be large. Else empty."""
    if installed is None or file.source is None or installed.identity != file.source.identity:
        return ""
    return installed.sha256


async def ready(node: SshSession, units: Iterable[str], wanted: NodeState, log: Log) -> None:
    """Waits for the readiness checks of these units; a unit without one must at least stay active. Raises NodeError."""
    for unit in units:
        for check in checks_of(unit, wanted):
            await _wait(node, unit, remote_units.ready_script(unit, check.http, check.timeout), check, wanted, log)


def checks_of(unit: str, wanted: NodeState) -> list[Readiness]:
    """The readiness checks of a unit; one without any must at least stay active."""
    declared = [check for check in wanted.readiness if check.unit == unit]
    if declared or unit not in wanted.units or not wanted.units[unit].active:
        return declared
    return [Readiness(unit, None, UP_SECONDS)]


async def _wait(node: SshSession, unit: str, script: str, check: Readiness, wanted: NodeState, log: Log) -> None:
    await log(f"{node.name}: waiting until {unit} is ready (at most {check.timeout} s)", ephemeral=True)
    done = await node.run("ready", script, hiding=[wanted], seconds=check.timeout + 60)
    if done.status != 0:
        found = f"it is {done.stdout.strip() or done.failure} (waited for at most {check.timeout} s)"
        raise NodeError(await _not_ready(node, unit, found, wanted))


async def _noted(node: SshSession, script: str, operation: str, wanted: NodeState) -> None:
    done = await node.run(operation, script, hiding=[wanted])
    if done.status != 0:
        raise NodeError(f"{node.name}: writing its journal failed: {done.failure}")


async def _reread(node: SshSession, step: UnitStep, wanted: NodeState, component: str, log: Log) -> None:
    """Waits until the new certificate is served; restarts the unit only if it is not."""
    reaction = step.reaction
    assert reaction is not None
    certificate = wanted.files.get(reaction.certificate or "")
    text = known_text(certificate.content) if certificate is not None else None
    if not reaction.served_at or not text:
        return
    try:
        issued = x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise NodeError(
            f"{node.name}: {reaction.certificate} is no certificate in PEM, and {step.unit} has to serve it"
        ) from None
    why = await wait_served(node, reaction.served_at, issued, SERVED_SECONDS, hiding=[wanted])
    if why is None:
        await log(f"{node.name}: {vocabulary.serves(step.unit, reaction.served_at)}")
        return
    restart = replace(step, action=changes.RESTART, because=why)
    await react(node, (restart,), wanted, component, log)


async def _not_ready(node: SshSession, unit: str, found: str, wanted: NodeState) -> str:
    """The error for a unit that did not become ready, with the end of its journal."""
    journal = await node.try_run("journal", remote_units.journal_script(unit), hiding=[wanted])
    return f"{node.name}: {unit} is not ready: {found}. Its journal ends:\n{indented(journal.stdout)}"
