"""The POSIX sh scripts that run on a node. All they need is coreutils, systemd, and curl and tar for downloads."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence

from provider.model import Directory, File

quoted = shlex.quote

PENDING = "pending"
HOME = "/var/lib/plumbline"
"""On each node: what an interrupted run still owes, previous files while a change is being proven, downloads."""


def read_script(
    expected: Mapping[str, str], directories: Sequence[str], units: Sequence[str], concern: str, shown: int
) -> str:
    """Prints a line for each path and unit, fields separated by tabs, and `end` last.

    `expected` maps each file to the checksum it should have, or to `secret`: then its text is never printed.
    """
    lines = [_READ.replace("@SHOWN@", str(shown))]
    lines += [f"file {quoted(path)} {quoted(checksum or '-')}" for path, checksum in expected.items()]
    lines += [f"directory {quoted(path)}" for path in directories]
    lines += [f"unit {quoted(unit)}" for unit in units]
    lines.append(f"pending={quoted(pending_file(concern))}")
    lines.append(f'[ ! -s "$pending" ] || printf \'{PENDING}\\t%s\\n\' "$(cat "$pending")"')
    lines.append("echo end")
    return "\n".join(lines) + "\n"


def stage_script(
    files: Mapping[str, File], directories: Mapping[str, Directory], concern: str, units: Sequence[str]
) -> str:
    """Puts every new file beside its target, downloads checked; nothing is in place yet, nothing runs differently.

    Then notes in the pending file which units will be owed a reaction. Prints `installed <path> <sha256>` for downloads.
    """
    lines = [_STAGE]
    for path, directory in directories.items():
        lines.append(f"directory {quoted(path)} {directory.mode} {quoted(directory.owner)} {quoted(directory.group)}")
    for path, file in files.items():
        shape = f"{quoted(path)} {file.mode} {quoted(file.owner)} {quoted(file.group)}"
        if file.source is not None:
            member = quoted(file.source.extract or "")
            lines.append(f"download {shape} {quoted(file.source.url)} {file.source.sha256} {member}")
        else:
            assert file.content is not None and file.content.text is not None
            encoded = base64.encodebytes(file.content.text.encode()).decode()
            lines.append(f"content {shape} <<'END-OF-FILE'\n{encoded}END-OF-FILE")
    if units:
        lines.append(f"printf '%s' {quoted(' '.join(units))} >{quoted(pending_file(concern))}")
    lines.append(f"rm -rf {HOME}/downloads")
    return "\n".join(lines) + "\n"


def commit_script(
    files: Sequence[str], shapes: Mapping[str, File], removed: Sequence[str], reload: bool, concern: str
) -> str:
    """Keeps the previous files, swaps the staged ones in by rename, sets modes, removes what is no longer wanted."""
    backup = quoted(backup_folder(concern))
    lines = [_COMMIT, f"backup={backup}", 'rm -rf "$backup"; mkdir -p "$backup"; chmod 0700 "$backup"']
    lines += [f"keep {quoted(path)} {index}" for index, path in enumerate([*files, *removed])]
    lines += [f"swap {quoted(path)}" for path in files]
    for path, file in shapes.items():
        lines.append(f"shape {quoted(path)} {file.mode} {quoted(file.owner)} {quoted(file.group)}")
    lines += [f"rm -f {quoted(path)}" for path in removed]
    units = [path for path in files if path.startswith("/etc/systemd/system/")]
    lines += [f"verify {quoted(path)}" for path in units]
    if reload:
        lines.append("systemctl daemon-reload")
    return "\n".join(lines) + "\n"


def rollback_script(files: Sequence[str], reload: bool, units: Sequence[str], concern: str) -> str:
    """Puts the kept files back, as they were, and restarts what ran on them."""
    lines = [f"backup={quoted(backup_folder(concern))}"]
    for index, path in enumerate(files):
        lines.append(
            f'if [ -e "$backup/{index}" ]; then cp -a "$backup/{index}" {quoted(path)}; else rm -f {quoted(path)}; fi'
        )
    if reload:
        lines.append("systemctl daemon-reload")
    lines += [f"systemctl restart --no-block {quoted(unit)}" for unit in units]
    return "\n".join(lines) + "\n"


def finish_script(concern: str) -> str:
    """Nothing is owed any more."""
    return f"rm -rf {quoted(backup_folder(concern))} {quoted(pending_file(concern))}\n"


def ready_script(unit: str, http: str | None, seconds: int) -> str:
    """Polls on the node until the unit is active (and answers); ends with 1 and the last answer once time is over."""
    return f"""unit={quoted(unit)} url={quoted(http or "")} end=$(($(date +%s) + {seconds}))
while :; do
  state=$(systemctl is-active "$unit") || true
  answer=
  if [ "$state" = active ]; then
    [ -z "$url" ] && exit 0
    answer=$(curl --silent --show-error --fail --max-time 5 "$url" 2>&1) && exit 0
  fi
  [ "$(date +%s)" -lt "$end" ] || break
  sleep 1
done
echo "$state${{answer:+, $answer}}"
exit 1
"""


def delete_script(files: Sequence[str], directories: Sequence[str], units: Sequence[str], concern: str) -> str:
    """Stops and disables the units whose files go, removes the files, and the directories that are then empty."""
    lines = [f"systemctl disable --now {quoted(unit)} 2>/dev/null || true" for unit in units]
    lines += [f"rm -f {quoted(path)}" for path in files]
    lines += [f"systemctl reset-failed {quoted(unit)} 2>/dev/null || true" for unit in units]
    lines.append("systemctl daemon-reload")
    lines += [f"rmdir {quoted(path)} 2>/dev/null || true" for path in sorted(directories, key=len, reverse=True)]
    lines += [finish_script(concern), f"rmdir {HOME}/pending {HOME}/backup {HOME} 2>/dev/null || true"]
    return "\n".join(lines) + "\n"


def pending_file(concern: str) -> str:
    """Where a concern's owed reactions are noted."""
    return f"{HOME}/pending/{concern}"


def backup_folder(concern: str) -> str:
    """Where a concern's previous files are kept until the new ones are proven."""
    return f"{HOME}/backup/{concern}"


_READ = r"""
LC_ALL=C; export LC_ALL
file() {
  if [ -L "$1" ]; then printf 'other\t%s\ta symbolic link\n' "$1"; return; fi
  if [ -d "$1" ]; then printf 'other\t%s\ta directory\n' "$1"; return; fi
  [ -f "$1" ] || return 0
  sum=$(sha256sum <"$1" | cut -d' ' -f1)
  text=
  if [ "$2" != secret ] && [ "$2" != "$sum" ] && [ "$(stat -c %s "$1")" -le @SHOWN@ ]; then
    text=$(base64 -w0 <"$1")
  fi
  printf 'file\t%s\t%s\t%s\t%s\n' "$1" "$(stat -c '%a	%U	%G' "$1")" "$sum" "$text"
}
directory() {
  [ -d "$1" ] || return 0
  printf 'directory\t%s\t%s\n' "$1" "$(stat -c '%04a	%U	%G' "$1")"
}
unit() {
  systemctl show --property LoadState,ActiveState,UnitFileState "$1" >/dev/null || exit 1
  printf 'unit\t%s\t%s\t%s\t%s\n' "$1" "$(systemctl show --property LoadState --value "$1")" \
    "$(systemctl show --property ActiveState --value "$1")" "$(systemctl show --property UnitFileState --value "$1")"
}
"""

_STAGE = rf"""
set -eu
LC_ALL=C; export LC_ALL
umask 022
mkdir -p {HOME}/pending; chmod 0700 {HOME} {HOME}/pending
fail() {{ echo "$1" >&2; exit 1; }}
# Hidden and of another ending: no program that watches the folder takes it for one of its own.
staged() {{ printf '%s/.%s.plumbline-new' "$(dirname "$1")" "$(basename "$1")"; }}
place() {{
  [ ! -d "$1" ] || [ -L "$1" ] || fail "$1 is a directory: move it away"
  chown "$3:$4" "$new"; chmod "$2" "$new"
}}
directory() {{
  [ -d "$1" ] || mkdir -p "$1"
  chown "$3:$4" "$1"; chmod "$2" "$1"
}}
content() {{
  mkdir -p "$(dirname "$1")"; new=$(staged "$1")
  (umask 077; base64 -d >"$new")
  place "$@"
}}
download() {{
  mkdir -p "$(dirname "$1")" {HOME}/downloads; new=$(staged "$1"); got={HOME}/downloads/$6
  if [ ! -e "$got" ]; then
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 15 --max-time 1800 --output "$got.part" "$5" ||
      fail "downloading $5 failed"
    sum=$(sha256sum <"$got.part" | cut -d' ' -f1)
    [ "$sum" = "$6" ] || fail "$5 has sha256 $sum, pinned is $6"
    mv "$got.part" "$got"
  fi
  if [ -n "$7" ]; then tar -xOzf "$got" "$7" >"$new" || fail "$5 has no member $7"; else cp "$got" "$new"; fi
  place "$@"
  printf 'installed %s %s\n' "$1" "$(sha256sum <"$new" | cut -d' ' -f1)"
}}
"""

_COMMIT = r"""
set -eu
LC_ALL=C; export LC_ALL
keep() { [ ! -e "$1" ] || cp -a "$1" "$backup/$2"; }
swap() {
  new="$(dirname "$1")/.$(basename "$1").plumbline-new"
  sync "$new" 2>/dev/null || sync
  mv -fT "$new" "$1"
}
shape() { chown "$3:$4" "$1"; chmod "$2" "$1"; }
verify() {
  command -v systemd-analyze >/dev/null || return 0
  systemd-analyze verify --help 2>/dev/null | grep -q recursive-errors || return 0
  said=$(systemd-analyze verify --man=no --recursive-errors=no "$1" 2>&1) || { echo "$1: $said" >&2; exit 3; }
}
"""
