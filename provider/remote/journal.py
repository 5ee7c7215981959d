"""The journal of a change on the node, by which the next run finishes or undoes one that broke.

staged/COMPONENT   paths of new files that are not in their place yet
pending/COMPONENT  ACTION:UNIT for each unit whose files are new and which has not reacted
backup/COMPONENT   the former files, with an index
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provider.remote import blocks, download, paths, units
from provider.remote.shell import HOME, call, quoted, whole, with_input

LOCK_SECONDS = 120

READ = r"""
# report_journal COMPONENT...: what a broken run left to do for each
report_journal() {
  for component; do
    [ ! -s "$home/pending/$component" ] ||
      tr ' ' '\n' <"$home/pending/$component" | sed "/^$/d; s/:/ /; s/^/pending\t$component\t/"
    if [ -e "$home/staged/$component" ] || [ -e "$home/backup/$component" ]; then
      printf 'pending\t%s\ttidy\n' "$component"
    fi
  done
}
"""

WRITE = r"""
LC_ALL=C
export LC_ALL
umask 022
tab=$(printf '\t')
backup=$home/backup/$component

fail() {
  echo "$1" >&2
  exit 1
}

# lock SECONDS: a run that was cut off may still be working here; no two at once
lock() {
  mkdir -p /run/plumbline "$home/staged" "$home/pending" "$home/backup"
  chmod 0700 /run/plumbline "$home" "$home/staged" "$home/pending" "$home/backup"
  command -v flock >/dev/null || return 0
  exec 9>"/run/plumbline/$component.lock"
  flock -w "$1" 9 || fail "an earlier run is still working on this node: wait until it has finished, then run pulumi again"
}

# Removes the staged files that a broken run left.
sweep() {
  [ -e "$home/staged/$component" ] || return 0
  while IFS= read -r one; do rm -f -- "$(staged "$one")"; done <"$home/staged/$component"
  rm -f -- "$home/staged/$component"
}

# begin: reads the paths that are about to be staged
begin() {
  sweep
  cat >"$home/staged/$component.new"
  mv -f "$home/staged/$component.new" "$home/staged/$component"
  trap sweep EXIT
}

# note_reactions ACTION:UNIT...: staging is complete; from now on these units need their reaction
note_reactions() {
  trap - EXIT
  rm -rf "$home/downloads/$component"
  [ $# -gt 0 ] || return 0
  echo "$@" >"$home/pending/.$component"
  sync "$home/pending/.$component" 2>/dev/null || sync
  mv -f "$home/pending/.$component" "$home/pending/$component"
}

# open_backup fresh|more: `more` adds to the backup of a broken run, since only those files were proven
open_backup() {
  [ "$1" = more ] || rm -rf "$backup"
  mkdir -p "$backup"
  chmod 0700 "$backup"
  touch "$backup/index"
  number=$(wc -l <"$backup/index")
}

# A hard link, if the file system has them: the file itself stays as it is, only its name goes to another.
copy() { ln "$1" "$2" 2>/dev/null || cp -a "$1" "$2"; }

back_up() {
  [ "$number" = 0 ] || ! cut -f3 "$backup/index" | grep -qxF -- "$1" || return 0
  number=$((number + 1))
  if [ -e "$1" ] || [ -L "$1" ]; then copy "$1" "$backup/$number"; fi
  printf 'file\t%s\t%s\n' "$number" "$1" >>"$backup/index"
}

# make_durable DIRECTORY...: the files swapped in these survive a power failure
make_durable() {
  rm -f -- "$home/staged/$component"
  sync "$@" 2>/dev/null || sync
}

# Puts the backup back.
restore() {
  [ -s "$backup/index" ] || return 0
  while IFS="$tab" read -r kind what one; do
    if [ "$kind" = shape ]; then
      chown "${what#* }" "$one"
      chmod "${what% *}" "$one"
    elif [ -e "$backup/$what" ] || [ -L "$backup/$what" ]; then
      new=$(staged "$one")
      rm -rf -- "$new"
      copy "$backup/$what" "$new"
      mv -fT -- "$new" "$one"
    else
      rm -f -- "$one"
    fi
  done <"$backup/index"
}

# Ends the journal: nothing is left to do.
finish() { rm -rf "$backup" "$home/pending/$component" "$home/pending/.$component" "$home/staged/$component"; }

# remove UNIT... -- FILE... -- DIRECTORY...: ends and removes what a component made; what is gone already is no failure
remove() {
  left=0
  while [ "$1" != -- ]; do
    retire_unit "$1"
    shift
  done
  shift
  while [ "$1" != -- ]; do
    [ -d "$1" ] && [ ! -L "$1" ] || rm -f -- "$1" || left=1
    shift
  done
  shift
  systemctl daemon-reload || true
  for one; do rmdir -- "$one" 2>/dev/null || true; done
  sweep
  finish
  rm -rf "$home/downloads/$component"
  rmdir "$home"/* "$home" 2>/dev/null || true
  return "$left"
}
"""


def writing(component: str, lines: Iterable[str]) -> str:
    """A script that changes the node for one component, once no earlier one is at work for it."""
    families = (WRITE, paths.WRITE, blocks.WRITE, download.WRITE, units.WRITE)
    return whole([f"home={HOME} component={quoted(component)}", *families, f"lock {LOCK_SECONDS}", *lines])


def report(components: Sequence[str]) -> str:
    """Prints what broken runs left to do."""
    return call("report_journal", *components)


def begin(staged: Iterable[str]) -> str:
    """Notes the paths that are about to be staged."""
    return with_input("begin", "".join(f"{path}\n" for path in staged), "END-OF-PATHS")
