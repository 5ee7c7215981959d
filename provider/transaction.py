"""One change of a node, as a transaction: its journal is open from `stage` to `finish`, and everything can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nodestate import NodeStateInputs, Probe, vocabulary
from provider import changes
from provider.changes import FileChange
from provider.engine import Log
from provider.errors import NodeError, Unreachable
from provider.observed import Installed, Observed
from provider.outcome import Outcome, Status
from provider.plan import Plan
from provider.react import UP_SECONDS, all_of, react, ready, stop
from provider.remote import download, scripts, units
from provider.remote.blocks import NO_LINES
from provider.remote.read_journal import UNWRITTEN
from provider.remote.replay import Undone, undone
from provider.remote.scripts import Commit
from provider.ssh import SshSession

STAGE_SECONDS = 3600
"""Downloads are part of staging."""

VERIFY_SECONDS = 300


class Transaction:
    """The change that one plan names. The methods run in the order in which they are declared: `abandon` undoes a stage,
    `roll_back` whatever came after it."""

    def __init__(
        self,
        session: SshSession,
        plan: Plan,
        found: Observed,
        wanted: NodeStateInputs,
        component: str,
        log: Log,
        installed: Mapping[str, Installed],
        stack: str,
    ) -> None:
        self._session = session
        self._plan = plan
        self._found = found
        self._wanted = wanted
        self._component = component
        self._log = log
        self._begun = False
        self._stack = stack
        self._installed = {path: one for path, one in installed.items() if path in wanted.files}
        changed = [one for one in plan.files if changes.RESTORED not in one.attributes]
        self._files = {
            one.path: wanted.files[one.path] for one in changed if one.path in wanted.files and one.rewrites
        } | {one.path: NO_LINES for one in changed if one.removes and one.block}
        self._directories = {
            one.path: wanted.directories[one.path] for one in plan.directories if one.path in wanted.directories
        }
        self._wholes = [one.path for one in changed if one.block and "block" in one.attributes]
        self._work = self._planned(changed)

    def _planned(self, changed: list[FileChange]) -> Commit:
        plan, wanted = self._plan, self._wanted
        shapes = {one.path: wanted.files[one.path] for one in changed if not one.rewrites and one.path in wanted.files}
        shapes |= {path: one for path, one in self._directories.items() if path in self._found.directories}  # type: ignore[misc]
        removed = [one.path for one in changed if one.removes and not one.block]
        gone = {one.path for one in plan.files if one.removes}
        retired = [
            unit
            for unit in sorted({*plan.settings, *(step.unit for step in plan.steps)})
            if unit not in wanted.units and f"{units.UNIT_FOLDER}{unit}" in gone
        ]
        return Commit(
            files=[path for path, file in self._files.items() if not file.block],
            blocks=[path for path, file in self._files.items() if file.block],
            wholes=self._wholes,
            restored=[one.path for one in plan.files if changes.RESTORED in one.attributes],
            shapes=shapes,
            removed=removed,
            aside=[one.path for one in plan.aside],
            directories=[one.path for one in plan.directories if changes.REMOVED in one.attributes],
            retired=retired,
            settings=plan.settings,
            reactions=[(step.action, step.unit) for step in plan.steps if step.action != changes.STOP],
            owned=[*wanted.files, *wanted.directories, *wanted.units],
            owned_whole=[path for path, file in wanted.files.items() if not file.block],
        )

    @property
    def _name(self) -> str:
        return self._session.name

    async def stage(self) -> None:
        """Begins the run on the node, makes missing directories and puts the new files beside their targets.

        Raises NodeError; `abandon` then takes back what was staged.
        """
        if self._files:
            await self._log(f"{self._name}: writing {_counted(len(self._files), 'file')}", ephemeral=True)
        missing = {path: one for path, one in self._directories.items() if path not in self._found.directories}
        known = sum(1 for entry in self._found.journal if entry.act not in UNWRITTEN)
        done = await self._session.run(
            "stage",
            scripts.stage_script(
                self._files,
                missing,
                self._component,
                known,
                self._wholes,
                self._stack,
                kept=self._wanted.files.keys() - self._files.keys(),
            ),
            hiding=[self._wanted],
            writes=len(self._files) + len(missing),
            paths=(*self._files, *missing),
            seconds=STAGE_SECONDS,
        )
        self._begun = "begun" in done.report.splitlines()
        if done.status != 0:
            raise NodeError(f"{self._name}: staging files failed, nothing was changed: {done.failure}")
        for path, checksum in download.installed(done.report):
            if (source := self._wanted.files[path].source) is not None:
                self._installed[path] = Installed(source.sha256, source.extract, checksum)

    async def verify(self) -> None:
        """Runs the program's checks of the staged files. Raises NodeError with the output of the first that fails."""
        for one in self._wanted.verifications:
            if not any(path in self._files for path in one.files):
                continue
            named = ", ".join(path for path in one.files if path in self._files)
            await self._log(f"{self._name}: checking {named} before it is put in place", ephemeral=True)
            script = scripts.verify_script(one.script, [path for path in self._wanted.files if path in self._files])
            done = await self._session.run("verify", script, hiding=[self._wanted], seconds=VERIFY_SECONDS)
            if done.status != 0:
                told = done.failure or done.stdout.strip()
                raise NodeError(f"{self._name}: {named} was refused, nothing was changed: {told}")

    async def abandon(self, error: NodeError) -> Outcome:
        """Takes back what was staged; what an earlier, broken run left stays for the next one."""
        failure = str(error)
        if isinstance(error, Unreachable) and not error.started and not self._begun:
            return Outcome(Status.UNDONE, self._installed, failure)
        try:
            done = await self._session.run("abandon", scripts.abandon_script(self._component), hiding=[self._wanted])
        except NodeError as then:
            told = f"{failure}\n{self._name}: what was staged may still be there: {then}"
            return Outcome(Status.UNKNOWN, self._installed, told)
        found = undone(done.report)
        if done.status != 0 and self._begun:
            return Outcome(Status.UNKNOWN, self._installed, f"{failure}\n{self._name}: {done.failure}")
        if found.failed:
            return Outcome(Status.UNKNOWN, self._installed, f"{failure}\n{self._name}: {found.told()}")
        return Outcome(Status.UNDONE, self._installed, failure)

    async def commit(self) -> None:
        """Stops what ends, swaps the files in, removes, and sets units. Raises NodeError."""
        stopping = [step for step in self._plan.steps if step.action == changes.STOP]
        await stop(self._session, stopping, self._wanted, self._component, self._log)
        paths = self._work.changed
        script = scripts.commit_script(self._component, self._work)
        writes = len(paths) + sum(len(verbs) for verbs in self._work.settings.values())
        done = await self._session.run(
            "commit", script, hiding=[self._wanted], writes=writes, paths=(*paths, *self._work.settings)
        )
        for item, other in sorted(scripts.handed(done.stdout).items()):
            await self._log(f"{self._name}: {item} is left alone: {other} has it now")
        for path, why in sorted(scripts.kept(done.stdout).items()):
            await self._log(f"{self._name}: {path} is not removed: {why}")
        for path, place in sorted(scripts.moved(done.stdout).items()):
            await self._log(f"{self._name}: {vocabulary.moved(path, place)}")
        if done.status != 0:
            raise NodeError(f"{self._name}: the new files were refused: {done.failure}")

    async def react(self) -> None:
        """Starts, restarts and reloads units, each once, and waits until they are ready. Raises NodeError."""
        steps = tuple(step for step in self._plan.steps if step.action != changes.STOP)
        await react(self._session, steps, self._wanted, self._component, self._log, self._installed)

    async def probe(self) -> None:
        """Runs every probe until it is as expected, if anything was changed. Raises NodeError."""
        if self._plan.empty:
            return
        await all_of(self._probe(name, probe) for name, probe in sorted(self._wanted.probes.items()))

    async def _probe(self, name: str, probe: Probe) -> None:
        limits = [one.timeout for one in self._wanted.readiness if one.unit == probe.unit] or [UP_SECONDS]
        script = units.probe_script(probe, max(limits))
        done = await self._session.run(
            "probe", script, hiding=[self._wanted], seconds=max(limits) + 2 * probe.seconds + 60
        )
        if done.status != 0:
            raise NodeError(
                f"{self._name}: {name} is not as expected after {probe.unit} was looked at for {max(limits)} s: it is "
                f"{done.stdout.strip() or done.failure or 'empty'}, not {probe.expected.strip() or 'empty'}"
            )

    async def finish(self) -> Outcome:
        """Ends the journal: the change stays."""
        downloads = [path for path, file in self._wanted.files.items() if file.source is not None]
        script = scripts.finish_script(self._component, downloads)
        error = ""
        for _ in range(2):
            try:
                done = await self._session.run("finish", script, hiding=[self._wanted])
            except NodeError as failure:
                error = str(failure)
                continue
            if "finished" in done.report.splitlines():
                self._note_stamps(done.report)
                return Outcome(Status.DONE, self._installed)
            error = f"{self._name}: {done.failure}"
            break
        told = f"{error}\n{self._name}: the change was made, but its journal is not ended: run pulumi again"
        return Outcome(Status.UNKNOWN, self._installed, told)

    async def roll_back(self, failure: str) -> Outcome:
        """Undoes the whole journal, that of a broken run before this one included. The outcome tells what was done.

        After a lost connection it dials once more: what may still run there is ended first.
        """
        await self._log(f"{self._name}: putting back the previous files", ephemeral=True)
        paths = self._work.changed
        script = scripts.replay_script(self._component)
        try:
            done = await self._session.run("roll back", script, hiding=[self._wanted], writes=len(paths), paths=paths)
        except NodeError as error:
            told = f"{failure}\n{self._name}: nothing is known to be put back: {error}"
            return Outcome(Status.UNKNOWN, self._installed, told)
        found = undone(done.report)
        told = f"{failure}\n{self._name}: {found.told()}"
        if done.status != 0 or not found.complete:
            told += f"; then the rollback ended: {done.failure}"
            return Outcome(Status.UNKNOWN, self._installed, told)
        told += await self._ready_again(found)
        return Outcome(Status.UNKNOWN if found.failed else Status.UNDONE, self._installed, told)

    async def _ready_again(self, found: Undone) -> str:
        """The units that are not ready after a rollback, in words."""
        restarted = [unit for unit in found.restarted if unit in self._wanted.units]
        try:
            await ready(self._session, restarted, self._wanted, self._log)
        except Unreachable as error:
            return f", but whether it is ready with those is not known: {error}"
        except NodeError:
            return ", but with those it is not ready either: see its journal on the node"
        return ""

    def _note_stamps(self, printed: str) -> None:
        """Notes beside each download's checksum the stamp by which the next read knows it without reading it."""
        for path, stamp in download.stamps(printed):
            source = self._wanted.files[path].source if path in self._wanted.files else None
            if source is None:
                continue
            known = self._installed.get(path)
            if known is None or known.identity != source.identity:
                # It was found in place with the expected checksum: only a file that is not extracted has a known one then.
                known = Installed(source.sha256, source.extract, source.sha256)
            self._installed[path] = replace(known, stamp=stamp)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
