"""The scripts of one update, in the order in which they run: stage, commit, settle, act, finish; or restore; or delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nodestate import Directory, File
from provider.remote import blocks, download, journal, paths, units
from provider.remote.journal import writing
from provider.remote.shell import call, quoted


def stage_script(
    files: Mapping[str, File], directories: Mapping[str, Directory], component: str, reactions: Sequence[str]
) -> str:
    """Puts every new file beside its target, downloads checked. Nothing is in its place yet, nothing runs differently.

    Then notes the `reactions` that will be needed, as `<action>:<unit>`. Prints what download.installed parses.
    """
    lines = [journal.begin(files)]
    lines += [paths.make_directory(path, directory) for path, directory in directories.items()]
    for path, file in files.items():
        if file.source is not None:
            lines.append(download.stage(path, file, file.source))
        elif file.block:
            lines.append(blocks.stage(path, file))
        else:
            lines.append(paths.stage_content(path, file))
    return writing(component, [*lines, call("note_reactions", *reactions)])


def commit_script(
    *,
    files: Sequence[str],
    modes: Mapping[str, File],
    removed: Sequence[str],
    retired: Sequence[str],
    component: str,
    unproven: bool,
) -> str:
    """Backs up the former files, swaps the staged ones in by rename, sets modes, removes files that are not wanted.

    `retired` units are stopped and disabled while their files still exist. After an `unproven` change, that of a broken
    run, the backup of that run is kept. Unit files are verified in their place, before systemd loads them.
    """
    lines = [f"open_backup {'more' if unproven else 'fresh'}"]
    lines += [call("retire_unit", unit) for unit in retired]
    lines += [call("back_up", path) for path in [*files, *removed]]
    lines += [call("swap", path) for path in files]
    lines += [paths.set_mode(path, file) for path, file in modes.items()]
    lines += [f"rm -f -- {quoted(path)}" for path in removed]
    folders = {path.rpartition("/")[0] or "/" for path in [*files, *removed]}
    lines.append(call("make_durable", *sorted(folders)))
    if named := sorted({unit for path in files if (unit := units.verifiable(path))}):
        lines.append(call("verify_units", *named))
    if units.needs_reload([*files, *removed]):
        lines.append("systemctl daemon-reload")
    return writing(component, lines)


def settle_script(settings: Mapping[str, Sequence[str]], removed_directories: Iterable[str], component: str) -> str:
    """Enables, disables and unmasks units; removes directories that are no longer wanted, if they are empty."""
    lines = [line for unit, verbs in settings.items() for verb in verbs for line in units.setting(unit, verb)]
    return writing(component, [*lines, *_remove_directories(removed_directories)])


def act_script(verb: str, named: Sequence[str], component: str) -> str:
    """Restarts, reloads or stops all these units at once."""
    return writing(component, [units.acting(verb, named)])


def finish_script(component: str, downloads: Sequence[str] = ()) -> str:
    """Ends the journal. Prints what download.stamps parses for each installed download."""
    return writing(component, ["sweep", "finish", *([download.print_stamps(list(downloads))] if downloads else [])])


def restore_script(
    *,
    stopped: Sequence[str],
    disabled: Sequence[str],
    restarted: Sequence[str],
    made_directories: Iterable[str],
    component: str,
) -> str:
    """Puts everything back: stops and disables units, restores the backup, then restarts what ran before."""
    lines = [f"systemctl stop {quoted(unit)} 2>/dev/null || true" for unit in stopped]
    lines += [f"systemctl --quiet disable {quoted(unit)} 2>/dev/null || true" for unit in disabled]
    lines += ["restore", "systemctl daemon-reload", "sweep", "finish"]
    lines += [f"systemctl reset-failed {quoted(unit)} 2>/dev/null || true" for unit in stopped]
    lines += _remove_directories(made_directories)
    if restarted:
        lines.append(call("restart_units", *restarted))
    return writing(component, lines)


def delete_script(
    *,
    files: Sequence[str],
    shared_files: Sequence[str],
    directories: Sequence[str],
    retired: Sequence[str],
    component: str,
) -> str:
    """Stops and disables the units whose files are removed, removes the files, and the directories that are then empty.

    Of `shared_files` only the blocks are removed.
    """
    inner_first = sorted(directories, key=len, reverse=True)
    lines = [blocks.remove(path) for path in shared_files]
    return writing(component, [*lines, call("remove", *retired, "--", *files, "--", *inner_first)])


def _remove_directories(directories: Iterable[str]) -> list[str]:
    return [f"rmdir -- {quoted(path)} 2>/dev/null || true" for path in sorted(directories, key=len, reverse=True)]
