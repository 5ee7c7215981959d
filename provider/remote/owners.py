"""Owner marks: which component a path or unit belongs to. A former owner never removes, stops or disables it.

owned/COMPONENT   the paths and units of a component, one per line
whole/COMPONENT   those of its paths that it wrote as whole files, not as blocks
stacks/COMPONENT  the stack that declared it (`urn:pulumi:STACK::PROJECT::NODE`), then `hooks` if it has pre-delete hooks

A node without marks is from an earlier version: there a former owner may remove.
"""

from __future__ import annotations

from collections.abc import Iterable

from provider.remote.shell import call, with_input

WRITE = r"""
# owner ITEM: the other component that has claimed it; nothing if there is none
owner() {
  for one in "$home"/owned/*; do
    if [ -f "$one" ] && [ "${one##*/}" != "$component" ] && grep -qxF -- "$1" "$one"; then
      printf '%s' "${one##*/}"
      return 0
    fi
  done
}

# ours ITEM: says so if another component has claimed it
ours() {
  other=$(owner "$1")
  [ -n "$other" ] || return 0
  printf 'handed\t%s\t%s\n' "$1" "$other"
  return 1
}

# was_whole PATH: whether this component wrote it as a whole file. The state of an earlier version tells it of a node without
# marks: `wholes` lists those.
was_whole() {
  printf '%s\n' "${wholes:-}" | grep -qxF -- "$1" ||
    { [ -f "$home/whole/$component" ] && grep -qxF -- "$1" "$home/whole/$component"; }
}

# change_list FILE: replaces a list by standard input
change_list() {
  new=${1%/*}/.${1##*/}.new
  cat >"$new"
  sync "$new" 2>/dev/null || sync
  mv -f -- "$new" "$1"
}

# marks SECONDS: no two scripts change marks at once
marks() {
  mkdir -p "$home/owned" "$home/whole"
  if command -v flock >/dev/null; then
    exec 7>"$locks/marks"
    flock -w "$lock_seconds" 7 || fail "another run keeps the owner marks of this node locked: run pulumi again"
  fi
}

# claim: reads items, and after a line `--` those that are whole files. They are this component's from now on.
claim() {
  cat >"$journal/claim"
  sed '/^--$/,$d' "$journal/claim" >"$journal/items"
  sed '1,/^--$/d' "$journal/claim" >"$journal/whole"
  marks
  [ -f "$home/owned/$component" ] || : >"$home/owned/$component"
  # Each item that is new here, with its former owner.
  for one in "$home"/owned/*; do
    [ "${one##*/}" = "$component" ] || awk -v name="${one##*/}" -v OFS='\t' '
      NR == FNR { item[$0]; next } $0 in item { print name, $0 }' "$journal/items" "$one"
  done >"$journal/taken"
  awk -F'\t' -v OFS='\t' -v own="$home/owned/$component" '
    BEGIN { while ((getline line <own) > 0) have[line] }
    FILENAME ~ /taken$/ { from[$2] = $1; next }
    !($0 in have) || ($0 in from) { print "claimed", $0, ($0 in from) ? from[$0] : "-" }' \
    "$journal/taken" "$journal/items" >"$journal/claims"
  cat "$journal/claims" >>"$journal_log"
  sync_journal
  cut -f1 "$journal/taken" | sort -u | while IFS= read -r name; do
    awk 'NR == FNR { item[$0]; next } !($0 in item)' "$journal/items" "$home/owned/$name" >"$journal/rest"
    change_list "$home/owned/$name" <"$journal/rest"
  done
  sort -u "$journal/items" "$home/owned/$component" >"$journal/rest"
  cmp -s "$journal/rest" "$home/owned/$component" || change_list "$home/owned/$component" <"$journal/rest"
  exec 7>&-
}

# own_only: reads items as `claim` does, and keeps these marks only: what else this component owned is not its own any more
own_only() {
  marks
  sort -u "$journal/items" >"$journal/rest"
  cmp -s "$journal/rest" "$home/owned/$component" || change_list "$home/owned/$component" <"$journal/rest"
  cmp -s "$journal/whole" "$home/whole/$component" || change_list "$home/whole/$component" <"$journal/whole"
  exec 7>&-
}

# unclaim ITEM FORMER-COMPONENT: gives a mark back
unclaim() {
  marks
  [ -f "$home/owned/$component" ] || : >"$home/owned/$component"
  awk -v item="$1" '$0 != item' "$home/owned/$component" >"$home/owned/.$component.new" &&
    mv -f -- "$home/owned/.$component.new" "$home/owned/$component" || return 1
  if [ "$2" != - ]; then
    grep -qxF -- "$1" "$home/owned/$2" 2>/dev/null || printf '%s\n' "$1" >>"$home/owned/$2"
  fi
  [ -s "$home/owned/$component" ] || rm -f -- "$home/owned/$component"
  exec 7>&-
}

# Takes all marks of a component away.
disown() {
  marks
  rm -f -- "$home/owned/$component" "$home/whole/$component" "$home/stacks/$component"
  exec 7>&-
}
"""


def claim(items: Iterable[str], whole: Iterable[str]) -> str:
    """Claims paths and units; `whole` are those paths that are written as whole files."""
    text = "".join(f"{one}\n" for one in [*sorted(items), "--", *sorted(whole)])
    return with_input(call("claim"), text, "END-OF-ITEMS")
