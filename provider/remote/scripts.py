"""The scripts of one run, in the order in which they run: stage, verify, stop, commit, act, ready, finish; or roll back; or
delete. All but the first belong to a run that has begun, and are refused once another run has taken over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nodestate import Directory, File, Readiness
from provider.remote import blocks, download, journal, owners, paths, replay, units, users
from provider.remote.shell import call, quoted, whole, with_input

FAMILIES = (owners.WRITE, paths.WRITE, users.WRITE, blocks.WRITE, download.WRITE, units.WRITE, replay.WRITE)

FINISH = r"""
# clear_staged: removes the staged files that a broken run left. Those of this run are in their place by then.
clear_staged() {
  sed -n "s/^staged$tab//p" "$journal_log" | while IFS= read -r one; do rm -rf -- "$(staged "$one")"; done
}

# finish: ends the journal
finish() {
  if [ -s "$journal_log" ]; then
    clear_staged
    [ ! -e "$journal/items" ] || own_only
  fi
  close_journal
  close_earlier
}

# close_earlier: removes what a broken run of an earlier version left: staged files, notes of reactions, a backup
close_earlier() {
  if [ -s "$home/staged/$component" ]; then
    while IFS= read -r one; do rm -f -- "$(staged "$one")"; done <"$home/staged/$component"
  fi
  rm -rf -- "$home/staged/$component" "$home/pending/$component" "$home/backup/$component"
}

# make_durable DIRECTORY...: the files swapped in these survive a power failure
make_durable() { sync "$@" 2>/dev/null || sync; }

# delete_files FILE..., delete_blocks FILE..., delete_directories DIRECTORY...: each by itself; those that stay are named
delete_files() {
  for one; do
    ours "$one" || continue
    why=$(remove_file "$one" 2>&1) || { printf 'left\t%s\t%s\n' "$one" "$(printf '%s' "$why" | tail -n 1)"; continue; }
    [ -z "$why" ] || printf '%s\n' "$why"
  done
}

delete_blocks() {
  : >"$journal/empty"
  for one; do
    ours "$one" || continue
    file=$(real "$one")
    [ -f "$file" ] || continue
    why=$( (put_block "$journal/empty" "$one") 2>&1) ||
      printf 'left\t%s\t%s\n' "$one" "$(printf '%s' "$why" | tail -n 1)"
  done
}

# spare: reads items, one per line. They are not this component's any more: any component that declares them claims them, and
# brings them about from what it finds. What the journal tells of them is not undone.
spare() {
  cat >"$journal/spared"
  awk -F'\t' 'NR == FNR { spared[$0]; next }
    $1 == "run" || $1 == "staged" || $1 == "claimed" { print; next }
    !($2 in spared) && !($NF in spared)' "$journal/spared" "$journal_log" >"$journal/rest"
  mv -f -- "$journal/rest" "$journal_log"
  marks
  for one in "$home/owned/$component" "$home/whole/$component"; do
    [ -s "$one" ] || continue
    awk 'NR == FNR { spared[$0]; next } !($0 in spared)' "$journal/spared" "$one" >"$journal/rest"
    change_list "$one" <"$journal/rest"
  done
  exec 7>&-
}

# marked units|paths|directories: of what this component owns on the node, that kind; inner directories come first
marked() {
  [ -s "$home/owned/$component" ] || return 0
  sort -r "$home/owned/$component" | while IFS= read -r one; do
    case $1:$one in
      units:/*) ;;
      units:*) [ ! -e "/etc/systemd/system/$one" ] || ! grep -qxF -- "/etc/systemd/system/$one" "$home/owned/$component" ||
        printf '%s\n' "$one" ;;
      *:/*) if was_whole "$one" || [ ! -d "$one" ]; then kind=paths; else kind=directories; fi
        [ "$kind" != "$1" ] || printf '%s\n' "$one" ;;
    esac
  done
}

# delete_marked units|paths|directories: a run whose result was lost put more there than the state tells of
delete_marked() {
  marked "$1" >"$journal/marked"
  while IFS= read -r one; do
    case $1 in
      units) retire_unit "$one" ;;
      paths) if was_whole "$one"; then delete_files "$one"; else delete_blocks "$one"; fi ;;
      *) delete_directories "$one" ;;
    esac
  done <"$journal/marked"
}

delete_directories() { for one; do ours "$one" && rmdir -- "$one" 2>/dev/null || true; done; }

# forget: nothing of the component is left in the provider's own folder; the folder goes with the last one
forget() {
  disown
  close_journal
  close_earlier
  [ -n "${keep_moved:-}" ] || rm -rf -- "$home/removed/$component"
  if command -v flock >/dev/null && flock -n -x 8; then
    rmdir "$home"/* "$home" 2>/dev/null || true
  fi
}
"""


@dataclass(frozen=True)
class Commit:
    """The acts of one commit: paths by kind of change, settings and reactions by unit."""

    files: Sequence[str] = ()
    blocks: Sequence[str] = ()
    wholes: Sequence[str] = ()
    """Those of the blocks whose file was wholly the component's."""

    restored: Sequence[str] = ()
    shapes: Mapping[str, File | Directory] = field(default_factory=dict)
    removed: Sequence[str] = ()
    aside: Sequence[str] = ()
    directories: Sequence[str] = ()
    """Directories to remove, if they are empty."""

    retired: Sequence[str] = ()
    """Units whose file is removed."""

    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reactions: Sequence[tuple[str, str]] = ()
    """Action and unit."""

    owned: Sequence[str] = ()
    owned_whole: Sequence[str] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """All paths of files and directories that this changes."""
        return (*self.files, *self.blocks, *self.restored, *self.removed, *self.aside, *self.shapes, *self.directories)


def stage_script(
    files: Mapping[str, File],
    directories: Mapping[str, Directory],
    component: str,
    known: int | None = None,
    wholes: Sequence[str] = (),
    stack: str = "",
    kept: Collection[str] = (),
) -> str:
    """Begins a run, makes users and missing directories, and puts every new file beside its target, downloads checked.
    Nothing is in its place yet. `kept` are files that stay as they are: they may declare users, too (users.py). `known` are the lines of the open journal that the change was planned with; `wholes` are blocks whose file
    was wholly the component's. `stack` is noted as the one that declares it (owners.py).

    Prints `begun`, then what download.installed parses.
    """
    lines = [call("begin", "-" if known is None else str(known), stack), *_wholes(wholes)]
    first = users.declaring(files)
    lines += [_stage(path, files[path]) for path in first]
    lines += users.make([*files, *kept])
    lines += [paths.make_directory(path, one) for path, one in sorted(directories.items())]
    lines += [_stage(path, file) for path, file in files.items() if path not in first]
    return journal.script(component, [*FAMILIES, FINISH], [*lines, "sync_staged", "sync_journal"], "begin")


def _stage(path: str, file: File) -> str:
    if file.source is not None:
        return download.stage(path, file, file.source)
    return blocks.stage(path, file) if file.block else paths.stage_content(path, file)


def verify_script(text: str, staged: Iterable[str]) -> str:
    """Runs a check of staged files. Its `staged PATH` prints where the new file is, or PATH if it does not change."""
    cases = "".join(
        f'    {quoted(one)}) real=$(readlink -f -- "$1" 2>/dev/null || printf \'%s\' "$1") ;;\n' for one in staged
    )
    find = (
        f"staged() {{\n  case $1 in\n{cases}    *) printf '%s\\n' \"$1\"; return 0 ;;\n  esac\n"
        '  [ -L "$1" ] && [ -e "${real%/*}/.${real##*/}.plumbline-new" ] || real=$1\n'
        '  printf \'%s/.%s.plumbline-new\\n\' "${real%/*}" "${real##*/}"\n}\n'
    )
    return whole([find, text])


def commit_script(component: str, work: Commit) -> str:
    """Notes how everything was, syncs that, then swaps the staged files in, removes, sets modes and settings.

    Unit files are verified in their place, before systemd loads them. Prints `handed ITEM COMPONENT` for what another
    component has claimed: it is left alone; `kept PATH WHY` and `aside PATH PLACE`.
    """
    removed = [*work.removed]
    settings = [*work.settings, *(unit for unit in work.retired if unit not in work.settings)]
    lines = _wholes(work.wholes)
    lines += [call("note", "react", action, unit) for action, unit in work.reactions]
    lines += [call("note_setting", "early", *settings)] if settings else []
    lines += [f"if ours {quoted(path)} >/dev/null; then {call('keep', path)}; fi" for path in removed]
    lines += [call("keep", path) for path in work.files]
    lines += [call("keep_block", path) for path in work.blocks]
    lines += [call("keep_shape", path) for path in work.shapes]
    lines += [call("keep_foreign", path) for path in work.aside]
    lines += [call("keep_directory", path) for path in work.directories]
    lines += [call("note_setting", "late", *settings)] if settings else []
    lines += [owners.claim(work.owned, work.owned_whole)]  # it syncs the journal
    lines += [call("retire_unit", unit) for unit in work.retired]
    lines += [call("move_aside", path) for path in work.aside]
    lines += [call("undo_path", path) for path in work.restored]
    lines += [call("swap", path) for path in work.files]
    lines += [call("swap_block", path) for path in work.blocks]
    lines += [paths.reshape(path, shape) for path, shape in work.shapes.items()]
    lines += [f"if ours {quoted(path)}; then {call('remove_file', path)}; fi" for path in removed]
    folders = {path.rpartition("/")[0] or "/" for path in (*work.files, *removed, *work.restored)}
    existing = " ".join(quoted(one) for one in sorted(folders))
    if existing:
        lines.append(f'for one in {existing}; do [ ! -d "$one" ] || make_durable "$one"; done')
    lines += ["clear_staged"] if work.directories else []  # a directory with one of them is not empty
    lines += [
        f"if ours {quoted(path)} >/dev/null; then rmdir -- {quoted(path)} 2>/dev/null || true; fi"
        for path in sorted(work.directories, key=len, reverse=True)
    ]
    if named := sorted({unit for path in work.files if (unit := units.verifiable(path))}):
        lines.append(call("verify_units", *named))
    if units.needs_reload([*work.files, *removed, *work.restored, *work.aside]):
        lines.append("systemctl daemon-reload")
    lines += [call("set_unit", unit, *verbs) for unit, verbs in work.settings.items() if unit not in work.retired]
    return journal.script(component, [*FAMILIES, FINISH], lines)


def act_script(verb: str, named: Sequence[str], component: str) -> str:
    """Restarts, reloads or stops all these units at once."""
    return journal.script(component, FAMILIES, [units.acting(verb, named)])


def reacted_script(component: str, unit: str, checks: Sequence[Readiness], files: Mapping[str, str] | None) -> str:
    """Waits, without the node's lock, until a unit passes its checks, and notes that it has reacted; `files` are those that it
    was started with, each with its checksum; an empty one is computed on the node."""
    waits = [units.wait_ready(unit, check.http, check.timeout) for check in checks]
    if files is None:
        note = call("note_done", unit)
    else:
        known = "".join(f"{checksum}  {path}\n" for path, checksum in files.items() if checksum)
        note = call("note_reacted", unit, known, *(path for path, checksum in files.items() if not checksum))
    noted = [call("enter", "on"), note]
    return whole([units.READY, *waits, journal.preamble(component), journal.WRITE, *FAMILIES, *noted])


def finish_script(component: str, downloads: Sequence[str] = ()) -> str:
    """Ends the journal. Prints what download.stamps parses for each installed download."""
    lines = ["finish", *([download.print_stamps(list(downloads))] if downloads else []), "printf 'finished\\n'"]
    return journal.script(component, [*FAMILIES, FINISH], lines)


def abandon_script(component: str) -> str:
    """Takes back what was staged; nothing has been swapped. Prints what replay.undone parses."""
    return journal.script(component, [*FAMILIES, FINISH], ["undo_stage"])


def replay_script(component: str) -> str:
    """Undoes the whole journal. Prints what replay.undone parses."""
    return journal.script(component, [*FAMILIES, FINISH], ["replay"])


def owners_script(component: str, items: Sequence[str]) -> str:
    """Begins a run, and prints `handed ITEM COMPONENT` for each item that another component has claimed."""
    lines = [call("begin", "-"), *(f"ours {quoted(one)} || true" for one in items)]
    return journal.script(component, [*FAMILIES, FINISH], lines, "begin")


def delete_script(
    *,
    files: Sequence[str],
    shared_files: Sequence[str],
    directories: Sequence[str],
    retired: Sequence[str],
    component: str,
    spared: Collection[str] = (),
    keep_moved: bool = False,
) -> str:
    """Undoes what a broken run left; stops and disables the units whose files are removed; removes the files, of
    `shared_files` only the blocks, and the directories that are then empty; and all else that it owns, but for the
    `spared` paths and units. With `keep_moved`, foreign entries that it moved aside are kept.

    What another component has claimed stays: `handed ITEM COMPONENT`. What cannot be removed is named: `left PATH WHY`.
    """
    inner_first = sorted(directories, key=len, reverse=True)
    lines = ["keep_moved=yes"] if keep_moved else []
    if spared:
        lines.append(with_input("spare", "".join(f"{one}\n" for one in sorted(spared)), "END-OF-ITEMS"))
    lines += [call("replay", *retired), 'mkdir -p "$kept"']
    lines += [call("retire_unit", unit) for unit in retired]
    lines += ["delete_marked units", call("delete_files", *files), call("delete_blocks", *shared_files)]
    lines += ["delete_marked paths", "! command -v systemctl >/dev/null || systemctl daemon-reload || true"]
    lines += [call("delete_directories", *inner_first), "delete_marked directories", "forget", "printf 'deleted\\n'"]
    return journal.script(component, [*FAMILIES, FINISH], lines)


def _wholes(listed: Sequence[str]) -> list[str]:
    return [f"wholes={quoted(chr(10).join(listed))}"] if listed else []


def handed(printed: str) -> dict[str, str]:
    """Paths and units that another component has claimed, and its name."""
    return _pairs(printed, "handed")


def left(printed: str) -> dict[str, str]:
    """Paths that could not be removed, and why."""
    return _pairs(printed, "left")


def kept(printed: str) -> dict[str, str]:
    """Paths that were left as they are, and why."""
    return _pairs(printed, "kept")


def moved(printed: str) -> dict[str, str]:
    """Foreign entries that were moved aside, and where they are now."""
    return _pairs(printed, "aside")


def _pairs(printed: str, wanted: str) -> dict[str, str]:
    lines = (line.split("\t") for line in printed.splitlines())
    return {fields[1]: fields[2] for fields in lines if fields[0] == wanted and len(fields) == 3}
