"""The journal of a change on a node: each act's inverse is written and synced before the act (replay.py reads it back).

journal/COMPONENT/log      one line per act, its fields tabbed; `run ID` begins a run
journal/COMPONENT/kept/N   a former file, or the former lines of a block

The journal is open from a run's begin to its finish. A run that finds one open continues it: what was kept first is the
proven state. All scripts of a run carry its id, so a run that was overtaken by another changes nothing any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from provider.remote.shell import HOME, call, quoted, whole

LOCKS = "/run/plumbline"
LOCK_SECONDS = 120

RUN = uuid.uuid4().hex
"""The id of this process: with the component, it names a run."""

WRITE = r"""
LC_ALL=C
export LC_ALL
umask 022
tab=$(printf '\t')
journal=$home/journal/$component
journal_log=$journal/log
kept=$journal/kept

fail() {
  echo "$1" >&2
  exit 1
}

# enter begin|on: takes the node's lock for this script. `begin` starts a run; any other script is one of the same run.
enter() {
  mkdir -p "$locks"
  chmod 0700 "$locks"
  if command -v flock >/dev/null; then
    exec 8>"$locks/home" 9>"$locks/$component.lock"
    flock -s 8
    flock -w "$lock_seconds" 9 ||
      fail "an earlier run is still working on this node: wait until it has finished, then run pulumi again"
  fi
  # Under the lock: the deletion of another component removes the folder if it is empty.
  mkdir -p "$home"
  chmod 0700 "$home"
  if [ "$1" = begin ]; then
    printf '%s\n' "$run" >"$locks/$component.run"
  else
    current=$(cat "$locks/$component.run" 2>/dev/null || last_run)
    [ "$current" = "$run" ] || fail "another run (${current:-it has finished}) has taken over this node"
  fi
  number=0 runs=0
  if [ -s "$journal_log" ]; then
    if [ -n "$(tail -c 1 "$journal_log")" ]; then
      # Its last line was cut by a full disk or a power failure: that act did not begin.
      entries >"$journal/rest" && mv -f -- "$journal/rest" "$journal_log" || true
    fi
    number=$(($(wc -l <"$journal_log"))) runs=$(grep -c "^run$tab" "$journal_log" || true)
  fi
}

# The complete lines.
entries() { head -n "$(wc -l <"$journal_log")" "$journal_log"; }

# The id of the run that wrote last.
last_run() { [ ! -s "$journal_log" ] || sed -n "s/^run$tab//p" "$journal_log" | tail -n 1; }

# begin LINES [STACK]: opens the journal, or continues it. LINES of it were known when this change was planned; `-` is any
# number. STACK is noted: a creation whose result is lost is found by it.
begin() {
  [ "$1" = - ] || [ "$1" = "$number" ] ||
    fail "another run has worked on this node since this change was planned: run pulumi again"
  mkdir -p "$kept"
  chmod 0700 "$home/journal" "$journal" "$kept"
  if [ -n "${2:-}" ] && [ "$(cat "$home/stacks/$component" 2>/dev/null)" != "$2" ]; then
    mkdir -p "$home/stacks"
    printf '%s\n' "$2" >"$home/stacks/$component"
  fi
  note run "$run"
  sync_journal
  printf 'begun\n'
}

# note ACT FIELD...: appends a line
note() {
  saved=$IFS
  IFS=$tab
  line="$*"
  IFS=$saved
  printf '%s\n' "$line" >>"$journal_log"
}

# known ACT|ACT SUBJECT: whether a broken run left such a line, by its first field or its last
known() {
  [ "$runs" -gt 1 ] && awk -F'\t' -v acts="|$1|" -v subject="$2" '
    index(acts, "|" $1 "|") && ($2 == subject || $NF == subject) { found = 1 }
    END { exit !found }' "$journal_log"
}

# sync_journal [PATH...]: what is in the journal survives a power failure from here on
sync_journal() { sync "$journal_log" "$kept" "$journal" "$@" 2>/dev/null || sync; }

# copy FROM TO: by a hard link, where the file system has them; else with everything that cp can keep
copy() {
  ln -- "$1" "$2" 2>/dev/null || cp -a --reflink=auto --preserve=all -- "$1" "$2" 2>/dev/null || cp -a -- "$1" "$2"
}

# keep PATH: notes how the path is as it was. A former copy is synced: a link needs none.
keep() {
  ! known 'file|absent' "$1" || return 0
  if [ -e "$1" ] || [ -L "$1" ]; then
    number=$((number + 1))
    copy "$1" "$kept/$number"
    if [ ! "$1" -ef "$kept/$number" ] && [ -f "$kept/$number" ]; then sync "$kept/$number" 2>/dev/null || sync; fi
    note file "$number" "$1"
  else
    number=$((number + 1))
    note absent "$1"
  fi
}

# keep_shape PATH: notes its mode and owner
keep_shape() {
  known shape "$1" || note shape $(stat -L -c '%a %u:%g' -- "$1") "$1"
}

# Ends the journal: nothing is left to do or to undo.
close_journal() {
  rm -f -- "$journal_log"
  rm -rf -- "$journal" "$home/downloads/$component"
  # A creation that was undone leaves nothing.
  [ -e "$home/owned/$component" ] || rm -f -- "$home/stacks/$component"
  if [ -d "$home/journal" ]; then sync "$home/journal" 2>/dev/null || sync; fi
}
"""


def preamble(component: str) -> str:
    """Sets the variables that all functions of a change find set."""
    return f"home={HOME} locks={LOCKS} lock_seconds={LOCK_SECONDS} component={quoted(component)} run={RUN}"


def script(component: str, families: Iterable[str], lines: Iterable[str], moment: str = "on") -> str:
    """A script of a run: it has the node's lock for this component, and is refused once another run has taken over."""
    return whole([preamble(component), WRITE, *families, call("enter", moment), *lines])
