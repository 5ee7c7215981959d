"""What a node's units do after their files changed: restart, reload, be looked at; and when they are ready."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import Protocol

from cryptography import x509

from provider import plan as planning
from provider import script
from provider.model import Command, NodeError, Readiness, State
from provider.plan import UnitStep
from provider.transport import Node

SERVED_SECONDS = 30
"""How long a program gets to notice its new certificate by itself; the kubelet looks when the file changes."""

UP_SECONDS = 10
"""How long a unit without a readiness check of its own gets to be active."""

GIVEN_SECONDS = 600
JOURNAL_LINES = 20
SHORTEST_SECRET = 8
"""Shorter lines of a secret file are common words: taking them out would hide the journal and no secret."""


class Say(Protocol):
    """Tells the user what is being done; `passing` is of interest only while it lasts."""

    def __call__(self, line: str, passing: bool = False) -> Awaitable[None]: ...


async def stop(node: Node, steps: Iterable[UnitStep], concern: str, say: Say) -> None:
    """Stops the units that are to end. Raises NodeError."""
    for step in steps:
        await say(f"{node.name}: stopping {step.unit} because {step.because}")
        done = await node.run("stop", script.act_script("stop", [step.unit], concern), writes=1, paths=(step.unit,))
        if done.status != 0:
            raise NodeError(f"{node.name}: {step.unit} does not stop: {last(done.stderr)}")


async def react(node: Node, steps: tuple[UnitStep, ...], wanted: State, concern: str, say: Say) -> None:
    """Each unit once: starts and restarts together, ordered by systemd; then reloads; then certificates.

    Returns once each unit is ready. Raises NodeError, with the end of the journal, for the first that is not.
    """
    starting = [step for step in steps if step.action in (planning.START, planning.RESTART)]
    reloading = [step for step in steps if step.action == planning.RELOAD]
    for step in starting:
        await say(f"{node.name}: {_doing(step)}")
    for step in starting:
        await _prepare(node, step.unit, wanted)
    if starting:
        units = tuple(step.unit for step in starting)
        done = await node.run("restart", script.act_script("restart", units, concern), writes=len(units), paths=units)
        if done.status != 0:
            failed = (done.stdout.split() or list(units))[0]
            raise NodeError(await _not_ready(node, failed, last(done.stderr), wanted))
    for step in reloading:
        await say(f"{node.name}: {_doing(step)}")
        done = await node.run("reload", script.act_script("reload", [step.unit], concern), writes=1, paths=(step.unit,))
        if done.status != 0:
            raise NodeError(await _not_ready(node, step.unit, last(done.stderr), wanted))
    await ready(node, [step.unit for step in (*starting, *reloading)], wanted, say)
    for step in steps:
        if step.action == planning.SELF_RELOAD:
            await _reread(node, step, wanted, concern, say)


async def _prepare(node: Node, unit: str, wanted: State) -> None:
    """What must be done before a unit starts. Raises NodeError."""
    for command in wanted.prepare:
        if command.unit == unit:
            await _given(node, "prepare", command, wanted, "is not started, since it cannot be prepared")


async def leave(node: Node, state: State) -> None:
    """What must be done before a node's units go for good. Raises NodeError; nothing is removed then."""
    for command in state.leave:
        await _given(node, "leave", command, state, "cannot go, nothing was removed", writes=1, paths=(command.unit,))


async def _given(
    node: Node, purpose: str, command: Command, state: State, failed: str, writes: int = 0, paths: tuple[str, ...] = ()
) -> None:
    """Runs a script that the program gave. Raises NodeError: the unit `failed`, and what the script said."""
    done = await node.run(purpose, script.given_script(command.script), writes, paths, GIVEN_SECONDS)
    if done.status != 0:
        said = without_secrets(last(done.stderr), state)
        raise NodeError(f"{node.name}: {command.unit} {failed}: {said}")


def _doing(step: UnitStep) -> str:
    verb = {planning.START: "starting", planning.RESTART: "restarting", planning.RELOAD: "reloading"}[step.action]
    return f"{verb} {step.unit} because {step.because}"


async def ready(node: Node, units: Iterable[str], wanted: State, say: Say) -> None:
    """Waits for the readiness checks of these units; without one, a unit that should run must stay up at least."""
    for unit in units:
        checks = [check for check in wanted.readiness if check.unit == unit]
        if not checks and unit in wanted.units and wanted.units[unit].active:
            checks = [Readiness(unit, None, UP_SECONDS)]
        for check in checks:
            await say(f"{node.name}: waiting until {unit} is ready (at most {check.timeout} s)", passing=True)
            done = await node.run(
                "ready", script.ready_script(unit, check.http, check.timeout), seconds=check.timeout + 60
            )
            if done.status != 0:
                found = f"it is {done.stdout.strip() or last(done.stderr)} (waited for at most {check.timeout} s)"
                raise NodeError(await _not_ready(node, unit, found, wanted))


async def _reread(node: Node, step: UnitStep, wanted: State, concern: str, say: Say) -> None:
    """Waits until the new certificate is served; restarts the unit only if it is not."""
    reaction = step.reaction
    assert reaction is not None
    certificate = wanted.files.get(reaction.certificate or "")
    if not reaction.served_at or certificate is None or certificate.content is None or not certificate.content.text:
        return
    try:
        serial = x509.load_pem_x509_certificate(certificate.content.text.encode()).serial_number
    except ValueError:
        raise NodeError(f"{node.name}: {reaction.certificate} is to be served, and is no certificate in PEM") from None
    host, _, port = reaction.served_at.rpartition(":")
    deadline = asyncio.get_running_loop().time() + SERVED_SECONDS
    served = None
    while asyncio.get_running_loop().time() < deadline:
        served = await served_serial(node, host, int(port))
        if served == serial:
            at = reaction.served_at
            await say(f"{node.name}: {step.unit} serves its new certificate at {at}: no restart was needed")
            return
        await asyncio.sleep(1)
    found = "nothing answers at {}" if served is None else "{} still serves the old certificate"
    restart = replace(step, action=planning.RESTART, because=found.format(reaction.served_at))
    await react(node, (restart,), wanted, concern, say)


async def served_serial(node: Node, host: str, port: int) -> int | None:
    """The serial number of the certificate that is served there now, None where nothing answers."""
    listener = await node.tunnel(host, port)
    context = ssl.create_default_context()
    # Only the serial is read: who signed it is the plan's own knowledge.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", listener.get_port(), ssl=context), timeout=10
        )
        try:
            served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.close()
        return x509.load_der_x509_certificate(served).serial_number if served else None
    except (OSError, EOFError, ValueError):  # a refused handshake (SSLError) and a time-out are OSErrors
        return None
    finally:
        listener.close()


async def _not_ready(node: Node, unit: str, found: str, wanted: State) -> str:
    """The error of a unit that did not come up, with the end of its journal."""
    journal = await node.run(
        "journal", f"journalctl --unit {script.quoted(unit)} --lines {JOURNAL_LINES} --no-pager --output cat\n"
    )
    said = "\n".join(f"  {line[:400]}" for line in without_secrets(journal.stdout, wanted).splitlines())
    return f"{node.name}: {unit} is not ready: {without_secrets(found, wanted)}. Its journal ends:\n{said}"


def without_secrets(text: str, state: State) -> str:
    """The text without its lines that hold a line of a secret file."""
    secrets = {
        line.strip()
        for file in state.files.values()
        if file.content is not None and file.content.secret and file.content.text
        for line in file.content.text.splitlines()
        if len(line.strip()) >= SHORTEST_SECRET
    }
    return "\n".join(
        "(a line with a secret)" if any(secret in line for secret in secrets) else line for line in text.splitlines()
    )


def last(text: str) -> str:
    """The end of what a script said."""
    return text.strip()[-500:]
