"""The POSIX sh scripts that run on a node. All they need is coreutils, systemd, and curl and tar for downloads."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provider.model import Directory, File

quoted = shlex.quote

PENDING = "pending"
HOME = "/var/lib/plumbline"
"""On each node: what an interrupted run still owes, previous files while a change is being proven, downloads."""


@dataclass(frozen=True)
class Expected:
    """What a file should be: its checksum, whether its text must stay on the node, and the stamp it had when installed."""

    sha256: str
    secret: bool = False
    stamp: str = ""


def read_script(
    files: Mapping[str, Expected], directories: Sequence[str], units: Sequence[str], concern: str, shown: int
) -> str:
    """Prints a line for each path, then systemd's own words for each unit, and `end` last; fields are tabbed.

    Few processes run, whatever the number of files: on an emulated machine each costs as much as hashing a megabyte.
    A file whose stamp (inode, size, time of last change to the nanosecond) is the one it was installed with is not read.
    """
    lines = [_READ.replace("@SHOWN@", str(shown))]
    for path, one in files.items():
        how = "secret" if one.secret else "public"
        lines.append(f"expect {quoted(path)} {one.sha256 or '-'} {how} {quoted(one.stamp or '-')}")
    lines += [f"place {quoted(path)}" for path in directories]
    lines.append("report")
    if units:
        names = " ".join(quoted(unit) for unit in units)
        lines.append(f"systemctl show --property Id,LoadState,ActiveState,UnitFileState {names} | sed 's/^/unit\t/'")
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


def finish_script(concern: str, stamped: Sequence[str] = ()) -> str:
    """Nothing is owed any more. Prints `stamp <stamp> <path>`, tabbed, for each installed download."""
    lines = [f"rm -rf {quoted(backup_folder(concern))} {quoted(pending_file(concern))}"]
    if stamped:
        paths = " ".join(quoted(path) for path in stamped)
        lines.append(f"stat -c \"stamp$(printf '\\t')%i:%s:%z$(printf '\\t')%n\" {paths} || true")
    return "\n".join(lines) + "\n"


def ready_script(unit: str, http: str | None, seconds: int) -> str:
    """Polls on the node until the unit is active (and answers); ends with 1 and the last answer once time is over.

    Sooner where systemd has had to restart it three times: what does not stay up will not be ready by waiting.
    """
    return f"""unit={quoted(unit)} url={quoted(http or "")} end=$(($(date +%s) + {seconds}))
while :; do
  state=$(systemctl is-active "$unit") || true
  answer=
  if [ "$state" = active ]; then
    [ -z "$url" ] && exit 0
    answer=$(curl --silent --show-error --fail --max-time 5 "$url" 2>&1) && exit 0
  fi
  [ "$(systemctl show --property NRestarts --value "$unit")" -lt 3 ] || {{ answer="restarted three times"; break; }}
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
    lines += [finish_script(concern).strip(), f"rmdir {HOME}/pending {HOME}/backup {HOME} 2>/dev/null || true"]
    return "\n".join(lines) + "\n"


def pending_file(concern: str) -> str:
    """Where a concern's owed reactions are noted."""
    return f"{HOME}/pending/{concern}"


def backup_folder(concern: str) -> str:
    """Where a concern's previous files are kept until the new ones are proven."""
    return f"{HOME}/backup/{concern}"


_READ = r"""
LC_ALL=C; export LC_ALL
tab=$(printf '\t')
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
: >"$work/paths"
expect() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$work/expected"; printf '%s\n' "$1" >>"$work/paths"; }
place() { printf '%s\n' "$1" >>"$work/paths"; }
report() {
  # What there is: type, mode, owner, group, stamp and path, for all paths at once.
  tr '\n' '\0' <"$work/paths" | xargs -0 -r stat -c "%F$tab%04a$tab%U$tab%G$tab%i:%s:%z$tab%n" 2>/dev/null >"$work/found"
  cut -f1-4,6 "$work/found" | sed 's/^/found\t/'
  [ -s "$work/expected" ] || return 0
  # Regular files that may differ from what they should be.
  awk -F'\t' 'NR == FNR { stamp[$1] = $4; next }
    $1 ~ /^regular/ && ($6 in stamp) { if ($5 == stamp[$6]) print "same\t" $6 >"/dev/stderr"; else print $6 }' \
    "$work/expected" "$work/found" >"$work/unsure" 2>"$work/same"
  cat "$work/same"
  tr '\n' '\0' <"$work/unsure" | xargs -0 -r sha256sum >"$work/sums"
  sed 's/^\([0-9a-f]*\)  \(.*\)/sum\t\1\t\2/' "$work/sums"
  # Changed texts that may be shown.
  while IFS="$tab" read -r path sum how stamp; do
    [ "$how" = public ] || continue
    grep -qF "  $path" "$work/sums" || continue
    grep -qxF "$sum  $path" "$work/sums" && continue
    [ "$(stat -c %s "$path")" -le @SHOWN@ ] || continue
    printf 'text\t%s\t%s\n' "$path" "$(base64 -w0 <"$path")"
  done <"$work/expected"
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
