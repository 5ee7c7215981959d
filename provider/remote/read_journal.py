"""Reads the journals of broken runs: each line, whether its act took place, and the shape of the paths it names."""

from __future__ import annotations

from collections.abc import Sequence

from provider.observed import JournalEntry
from provider.remote.shell import call

READ = r"""
# report_earlier COMPONENT: what a broken run of an earlier version left: the units that have not reacted, and `tidy` if
# there is anything to remove; finish does.
report_earlier() {
  [ ! -s "$home/pending/$1" ] ||
    tr ' ' '\n' <"$home/pending/$1" | sed "/^\$/d; s/:/$tab/; s/^/journal$tab$1${tab}earlier$tab/"
  if [ -e "$home/staged/$1" ] || [ -e "$home/backup/$1" ] || [ -e "$home/pending/$1" ]; then
    printf 'journal\t%s\tearlier\ttidy\n' "$1"
  fi
}

# report_journal COMPONENT...: the lines of each open journal. `unswapped PATH` follows the line of a path that is still as
# it was before. Its paths are added to the report, and so are the units that it started or set.
report_journal() {
  for component; do
    report_earlier "$component"
    kept=$home/journal/$component
    [ -s "$kept/log" ] || continue
    while IFS="$tab" read -r act one two three; do
      [ -n "$one" ] || continue
      printf 'journal\t%s\t%s\t%s\t%s\t%s\n' "$component" "$act" "$one" "$two" "$three"
      case $act in
        block) printf '%s\n' "$two" >>"$work/paths" ;;
        file)
          printf '%s\n' "$two" >>"$work/paths"
          if [ "$kept/kept/$one" -ef "$two" ] || cmp -s "$kept/kept/$one" "$two"; then
            printf 'journal\t%s\tunswapped\t%s\n' "$component" "$two"
          fi ;;
        absent)
          printf '%s\n' "$one" >>"$work/paths"
          [ -e "$one" ] || [ -L "$one" ] || printf 'journal\t%s\tunswapped\t%s\n' "$component" "$one" ;;
        made | noblock) printf '%s\n' "$one" >>"$work/paths" ;;
        started | setting) report_left "$one" ;;
      esac
    done <"$kept/log"
  done
}
"""

LAST = ("file", "shape", "block", "unmade", "moved", "react", "earlier")
"""Acts whose path or unit is the last field, after those that undo them."""


UNWRITTEN = ("unswapped", "earlier")
"""Acts that are reported beside the lines of the journal."""


def report(components: Sequence[str]) -> str:
    """Prints the journals of broken runs."""
    return call("report_journal", *components)


def entry(act: str, *fields: str) -> JournalEntry:
    """One line of a journal; a line that names nothing is kept, so that lines can be counted."""
    known = [one for one in fields if one]
    if not known:
        return JournalEntry(act, "")
    if act in LAST:
        return JournalEntry(act, known[-1], " ".join(known[:-1]))
    return JournalEntry(act, known[0], " ".join(known[1:]))
