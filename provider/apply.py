"""Brings a node to its desired state: stage, check, swap, react once a unit, prove ready; or put everything back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from cryptography import x509

from provider import plan as planning
from provider import script
from provider.model import NodeError, State
from provider.observe import observe
from provider.plan import Plan, UnitStep
from provider.transport import Node

UNIT_FOLDER = "/etc/systemd/system/"
SERVED_SECONDS = 30
"""How long a program gets to notice its new certificate by itself; the kubelet looks when the file changes."""

JOURNAL_LINES = 20
Say = Callable[[str], Awaitable[None]]


@dataclass
class Applied:
    """What an update leaves for the state: of each download, by path, `<sha256> <stamp>` as installed."""

    installed: dict[str, str] = field(default_factory=dict)


async def apply(
    node: Node, forecast: Plan, wanted: State, concern: str, installed: Mapping[str, str], say: Say
) -> Applied:
    """Does what `forecast` names, and what the node itself turns out to need besides.

    The node is read first: only what differs there is written, so a run that was interrupted, or that finds its work
    done, ends in the same state. `say` is told of each step. Raises NodeError with everything put back, if it could be.
    """
    known = dict(installed)
    found = await observe(node, wanted, concern, known)
    actual = planning.make(found, wanted)
    steps = _merged(forecast.steps, actual.steps, found)
    removed = [one.path for one in forecast.files if one.attributes == ("removed",)]
    gone = [one.path for one in forecast.directories if one.attributes == ("removed",)]
    rewritten = {one.path: wanted.files[one.path] for one in actual.files if one.rewrites and one.path in wanted.files}
    reshaped = {
        one.path: wanted.files[one.path] for one in actual.files if not one.rewrites and one.path in wanted.files
    }
    directories = {
        one.path: wanted.directories[one.path] for one in actual.directories if one.path in wanted.directories
    }
    owed = [step.unit for step in steps if step.action in (planning.RESTART, planning.RELOAD, planning.START)]
    result = Applied(known)
    for path in (one.path for one in actual.files if one.path in rewritten and one.path in found.files):
        if "added" in {a for one in forecast.files if one.path == path for a in one.attributes}:
            await say(f"{node.name}: {path} is there already: it is replaced")
    if rewritten or directories:
        await say(f"{node.name}: writing {_counted(len(rewritten), 'file')}")
        # A pending reaction is noted together with the files that cause it: a broken run leaves no silent difference.
        done = await node.run(
            "stage",
            script.stage_script(rewritten, directories, concern, owed),
            writes=len(rewritten) + len(directories),
            paths=(*rewritten, *directories),
        )
        if done.status != 0:
            raise NodeError(f"{node.name}: staging files failed, nothing was changed: {_last(done.stderr)}")
        for line in done.stdout.splitlines():
            word, path, checksum = line.split(" ", 2)
            if word == "installed":
                result.installed[path] = checksum
    units_changed = any(path.startswith(UNIT_FOLDER) for path in (*rewritten, *removed))
    restarting = [step.unit for step in steps if step.action == planning.RESTART and _active(found, step.unit)]
    kept = [*rewritten, *removed]
    if kept or reshaped:
        stopping = [step for step in steps if step.action == planning.STOP]
        await _stop(node, stopping, say)
        done = await node.run(
            "commit",
            script.commit_script(list(rewritten), reshaped, removed, units_changed, concern),
            writes=len(kept) + len(reshaped),
            paths=(*kept, *reshaped),
        )
        if done.status != 0:
            await _roll_back(node, kept, units_changed, [], concern)
            raise NodeError(
                f"{node.name}: the new files were refused and the previous ones put back: {_last(done.stderr)}"
            )
        steps = tuple(step for step in steps if step.action != planning.STOP)
    try:
        await _settle(node, forecast, actual, wanted, gone)
        await _react(node, steps, wanted, say)
    except NodeError as failure:
        if not restarting:
            raise
        await _roll_back(node, kept, units_changed, restarting, concern)
        raise NodeError(
            f"{failure}\n{node.name}: the previous files were put back and {', '.join(restarting)} restarted"
        ) from None
    if kept or reshaped or found.pending:
        downloads = [path for path, file in wanted.files.items() if file.source is not None]
        done = await node.run("finish", script.finish_script(concern, downloads))
        _stamp(result.installed, done.stdout, wanted)
    return result


def _stamp(installed: dict[str, str], printed: str, wanted: State) -> None:
    """Notes beside each download's checksum the stamp by which the next read knows it unread."""
    for line in printed.splitlines():
        kind, _, rest = line.partition("\t")
        stamp, _, path = rest.partition("\t")
        source = wanted.files[path].source if kind == "stamp" and path in wanted.files else None
        if source is not None:
            checksum = installed.get(path, "").partition(" ")[0] or ("" if source.extract else source.sha256)
            installed[path] = f"{checksum} {stamp}"


def _merged(forecast: tuple[UnitStep, ...], actual: tuple[UnitStep, ...], found: State) -> tuple[UnitStep, ...]:
    """What was announced, and what the node needs besides. A start stands above a restart."""
    merged = {step.unit: step for step in actual}
    for step in forecast:
        other = merged.get(step.unit)
        if step.action == planning.START and _active(found, step.unit):
            continue  # somebody started it since
        if other is None or other.action not in (planning.START, planning.STOP, planning.RESTART):
            merged[step.unit] = step
    return tuple(step for _, step in sorted(merged.items()))


async def _settle(node: Node, forecast: Plan, actual: Plan, wanted: State, gone: list[str]) -> None:
    """Enables, disables and unmasks units; removes directories that are no longer wanted, if empty."""
    lines = []
    for settings in (
        actual.settings,
        {unit: what for unit, what in forecast.settings.items() if unit not in wanted.units},
    ):
        for unit, verbs in settings.items():
            lines += [f"systemctl {verb} {script.quoted(unit)}" for verb in verbs]
    lines += [f"rmdir {script.quoted(path)} 2>/dev/null || true" for path in sorted(gone, key=len, reverse=True)]
    if not lines:
        return
    done = await node.run("settle", "set -eu\n" + "\n".join(lines) + "\n", writes=len(lines))
    if done.status != 0:
        raise NodeError(f"{node.name}: enabling units failed: {_last(done.stderr)}")


async def _stop(node: Node, steps: list[UnitStep], say: Say) -> None:
    for step in steps:
        await say(f"{node.name}: stopping {step.unit} because {step.because}")
        await node.run("stop", f"systemctl stop {script.quoted(step.unit)}\n", writes=1, paths=(step.unit,))


async def _react(node: Node, steps: tuple[UnitStep, ...], wanted: State, say: Say) -> None:
    """Each unit once: restarts, reloads and starts first, all together; then certificates that are reread."""
    await _stop(node, [step for step in steps if step.action == planning.STOP], say)
    acting = [step for step in steps if step.action in (planning.START, planning.RESTART, planning.RELOAD)]
    for step in acting:
        verb = "reload" if step.action == planning.RELOAD else "restart"
        await say(f"{node.name}: {_gerund(step.action)} {step.unit} because {step.because}")
        done = await node.run(
            step.action, f"systemctl {verb} {script.quoted(step.unit)}\n", writes=1, paths=(step.unit,)
        )
        if done.status != 0:
            raise NodeError(await _not_ready(node, step.unit, _last(done.stderr), wanted))
    for step in acting:
        await _ready(node, step.unit, wanted, say)
    for step in steps:
        if step.action == planning.SELF_RELOAD:
            await _reread(node, step, wanted, say)


async def _reread(node: Node, step: UnitStep, wanted: State, say: Say) -> None:
    """Waits until the new certificate is served; restarts the unit only if it is not."""
    reaction = step.reaction
    assert reaction is not None
    certificate = wanted.files.get(reaction.certificate or "")
    if not reaction.served_at or certificate is None or certificate.content is None or not certificate.content.text:
        return
    serial = x509.load_pem_x509_certificate(certificate.content.text.encode()).serial_number
    host, _, port = reaction.served_at.rpartition(":")
    deadline = asyncio.get_running_loop().time() + SERVED_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if await _served(node, host, int(port)) == serial:
            await say(
                f"{node.name}: {step.unit} serves its new certificate at {reaction.served_at}, no restart was needed"
            )
            return
        await asyncio.sleep(1)
    await say(f"{node.name}: restarting {step.unit}: {reaction.served_at} still serves the old certificate")
    restart = replace(step, action=planning.RESTART)
    await _react(node, (restart,), wanted, say)


async def _served(node: Node, host: str, port: int) -> int | None:
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
    except (OSError, TimeoutError, ssl.SSLError, EOFError):
        return None
    finally:
        listener.close()


async def _ready(node: Node, unit: str, wanted: State, say: Say) -> None:
    for check in wanted.readiness:
        if check.unit != unit:
            continue
        await say(f"{node.name}: waiting until {unit} is ready (at most {check.timeout} s)")
        done = await node.run("ready", script.ready_script(unit, check.http, check.timeout))
        if done.status != 0:
            found = done.stdout.strip() or _last(done.stderr)
            raise NodeError(
                await _not_ready(node, unit, f"it is {found} (waited for at most {check.timeout} s)", wanted)
            )


async def _not_ready(node: Node, unit: str, found: str, wanted: State) -> str:
    """The error of a unit that did not come up, with the end of its journal, secrets taken out."""
    journal = await node.run(
        "journal", f"journalctl --unit {script.quoted(unit)} --lines {JOURNAL_LINES} --no-pager --output cat\n"
    )
    secrets = {
        line.strip()
        for file in wanted.files.values()
        if file.content is not None and file.content.secret and file.content.text
        for line in file.content.text.splitlines()
        if len(line.strip()) >= 8
    }
    shown = [
        "(a line with a secret)" if any(secret in line for secret in secrets) else line
        for line in journal.stdout.splitlines()
    ]
    said = "\n".join(f"  {line[:400]}" for line in shown)
    return f"{node.name}: {unit} is not ready: {found}. Its journal ends:\n{said}"


async def _roll_back(node: Node, kept: list[str], reload: bool, units: list[str], concern: str) -> None:
    await node.run(
        "roll back", script.rollback_script(kept, reload, units, concern), writes=len(kept), paths=tuple(kept)
    )
    await node.run("finish", script.finish_script(concern))


def _active(found: State, unit: str) -> bool:
    observed = found.units.get(unit)
    return observed is not None and observed.active


def _gerund(action: str) -> str:
    return {planning.START: "starting", planning.RESTART: "restarting", planning.RELOAD: "reloading"}[action]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _last(text: str) -> str:
    return text.strip()[-500:]
