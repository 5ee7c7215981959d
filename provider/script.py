"""The POSIX sh scripts that run on a node: calls of the functions in node/*.sh, with their arguments quoted.

All they need there is coreutils, findutils, awk, sed, grep and systemd; curl for downloads, tar to extract from them.
A script is one group of commands, so a shell runs it only once it has all of it: a connection that breaks half-way
through leaves no half of a command.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provider.model import Directory, File
from provider.plan import UNIT_FOLDER

quoted = shlex.quote

HOME = "/var/lib/plumbline"
"""On each node: the notes of a change under way, and what it keeps (node/write.sh)."""

LOCK_SECONDS = 120
_SOURCES = Path(__file__).parent / "node"


@dataclass(frozen=True)
class Expected:
    """What a file should be: its checksum, whether its text must stay on the node, and the stamp it had when installed."""

    sha256: str
    secret: bool = False
    stamp: str = ""
    block: bool = False


def read_script(
    files: Mapping[str, Expected],
    directories: Sequence[str],
    units: Sequence[str],
    concerns: Sequence[str],
    shown: int,
) -> str:
    """Prints a line for each path, then systemd's own words for each unit, and `end` last; fields are tabbed."""
    lines = [f"home={HOME}", _source("read.sh")]
    for path, one in files.items():
        if one.block:
            lines.append(_call("block", path))
            continue
        how = "secret" if one.secret else "public"
        lines.append(_call("expect", path, one.sha256 or "-", how, one.stamp or "-"))
    lines += [_call("place", path) for path in directories]
    lines.append(f"report {shown}")
    if units:
        lines.append(_call("units", *units))
    lines += [_call("owed", *concerns), "echo end"]
    return _whole(lines)


def stage_script(
    files: Mapping[str, File], directories: Mapping[str, Directory], concern: str, owed: Sequence[str]
) -> str:
    """Puts every new file beside its target, downloads checked; nothing is in place yet, nothing runs differently.

    Then notes what is `owed`, as `<action>:<unit>`. Prints `installed <path> <sha256>`, tabbed, for downloads.
    """
    lines = ["begin <<'END-OF-PATHS'", *files, "END-OF-PATHS"]
    for path, directory in directories.items():
        lines.append(_call("directory", path, directory.mode, directory.owner, directory.group))
    for path, file in files.items():
        shape = (path, file.mode, file.owner, file.group)
        if file.source is not None:
            lines.append(_call("download", *shape, file.source.url, file.source.sha256, file.source.extract or ""))
        else:
            assert file.content is not None and file.content.text is not None
            encoded = base64.encodebytes(file.content.text.encode()).decode()
            if file.block:
                lines.append(f"{_call('block', path)} <<'END-OF-FILE'\n{encoded}END-OF-FILE")
                continue
            lines.append(f"{_call('content', *shape)} <<'END-OF-FILE'\n{encoded}END-OF-FILE")
    lines.append(_call("owe", *owed))
    return _writing(concern, lines)


def commit_script(
    files: Sequence[str],
    shapes: Mapping[str, File],
    removed: Sequence[str],
    ending: Sequence[str],
    concern: str,
    unproven: bool,
) -> str:
    """Keeps the previous files, swaps the staged ones in by rename, sets modes, removes what is no longer wanted.

    `ending` units are stopped and disabled while their files are there. Where an `unproven` change stands, what it kept stays kept.
    Unit files are verified from where they stand, before systemd loads them.
    """
    lines = [f"keeping {'more' if unproven else 'fresh'}"]
    lines += [_call("depart", unit) for unit in ending]
    lines += [_call("keep", path) for path in [*files, *removed]]
    lines += [_call("swap", path) for path in files]
    lines += [_call("shape", path, file.mode, file.owner, file.group) for path, file in shapes.items()]
    lines += [f"rm -f -- {quoted(path)}" for path in removed]
    lines.append(_call("settle", *sorted({path.rpartition("/")[0] or "/" for path in [*files, *removed]})))
    if units := sorted({unit for path in files if (unit := verifiable(path))}):
        lines.append(_call("verify", *units))
    if reloads(files) or reloads(removed):
        lines.append("systemctl daemon-reload")
    return _writing(concern, lines)


def restore_script(
    stopped: Sequence[str], disabled: Sequence[str], restarted: Sequence[str], made: Iterable[str], concern: str
) -> str:
    """Puts everything back: units that were `stopped` or `disabled`, the kept files; then restarts what ran on them."""
    lines = [f"systemctl stop {quoted(unit)} 2>/dev/null || true" for unit in stopped]
    lines += [f"systemctl --quiet disable {quoted(unit)} 2>/dev/null || true" for unit in disabled]
    lines += ["restore", "systemctl daemon-reload", "sweep", "finish"]
    lines += [f"systemctl reset-failed {quoted(unit)} 2>/dev/null || true" for unit in stopped]
    lines += [f"rmdir -- {quoted(path)} 2>/dev/null || true" for path in sorted(made, key=len, reverse=True)]
    if restarted:
        lines.append(_call("restart", *restarted))
    return _writing(concern, lines)


def settle_script(settings: Mapping[str, Sequence[str]], gone: Iterable[str], concern: str) -> str:
    """Enables, disables and unmasks units; removes directories that are no longer wanted, if empty."""
    lines = []
    for unit, verbs in settings.items():
        for verb in verbs:
            lines.append(f"systemctl --quiet {verb} {quoted(unit)}")
            if verb == "unmask":
                lines.append(f"systemctl --quiet unmask --runtime {quoted(unit)}")
    lines += [f"rmdir -- {quoted(path)} 2>/dev/null || true" for path in sorted(gone, key=len, reverse=True)]
    return _writing(concern, lines)


def act_script(verb: str, units: Sequence[str], concern: str) -> str:
    """`restart` or `reload` (node/write.sh), or one of systemctl's own, for all these units at once."""
    return _writing(concern, [_call(verb if verb in ("restart", "reload") else f"systemctl {verb}", *units)])


def finish_script(concern: str, stamped: Sequence[str] = ()) -> str:
    """Nothing is owed any more. Prints `stamp <stamp> <path>`, tabbed, for each installed download."""
    lines = ["sweep", "finish"]
    if stamped:
        paths = " ".join(quoted(path) for path in stamped)
        lines.append(f'stat -c "stamp$tab%i:%s:%z$tab%n" -- {paths} || true')
    return _writing(concern, lines)


def ready_script(unit: str, http: str | None, seconds: int) -> str:
    """Waits until the unit is ready; ends with 1 and what it last was."""
    return _whole([_source("ready.sh"), _call("ready", unit, http or "", str(seconds))])


def given_script(text: str) -> str:
    """A script that the program gave, run only once the shell has all of it."""
    return _whole([text])


def delete_script(
    files: Sequence[str], blocks: Sequence[str], directories: Sequence[str], units: Sequence[str], concern: str
) -> str:
    """Stops and disables the units whose files go, removes the files, and the directories that are then empty.

    Of files that others write, too, only our `blocks` go.
    """
    inner_first = sorted(directories, key=len, reverse=True)
    stripped = [
        f"if [ -e {quoted(path)} ]; then {_call('block', path)} </dev/null; {_call('swap', path)}; fi"
        for path in blocks
    ]
    return _writing(concern, [*stripped, _call("remove", *units, "--", *files, "--", *inner_first)])


def reloads(paths: Iterable[str]) -> bool:
    """Whether systemd has to read its units again after these changed."""
    return any(path.startswith(UNIT_FOLDER) for path in paths)


def verifiable(path: str) -> str | None:
    """What systemd-analyze is asked about for this path: the unit's file, or the unit's name for a drop-in."""
    name = path.removeprefix(UNIT_FOLDER)
    if name == path:
        return None
    folder, inside, drop_in = name.partition("/")
    if not inside:
        return path
    return folder.removesuffix(".d") if folder.endswith(".d") and drop_in.endswith(".conf") else None


def _call(function: str, *arguments: str) -> str:
    return " ".join([function, *(quoted(one) for one in arguments)])


def _source(name: str) -> str:
    return (_SOURCES / name).read_text()


def _writing(concern: str, lines: Iterable[str]) -> str:
    """A script that changes the node: the functions, the notes' places and the lock first."""
    return _whole([f"home={HOME} concern={quoted(concern)}", _source("write.sh"), f"lock {LOCK_SECONDS}", *lines])


def _whole(lines: Iterable[str]) -> str:
    return "\n".join(["{", "set -eu", *lines, "exit 0", "}", ""])
