"""Blocks: lines between two marks in a file that other programs write, too."""

from __future__ import annotations

from nodestate import File
from provider.remote.paths import encoded
from provider.remote.shell import call, with_input

WRITE = r"""
# edit_block FILE LINES: prints FILE with the lines of the file LINES between the marks, where the block was, or else at its
# end; without marks if there are no lines. Lines of others stay as they are, and so do their line ends (CRLF, none at the
# end of the file).
edit_block() {
  awk -v lines="$2" '
    function block(  i) {
      if (!n) return
      print "# BEGIN plumbline" ending
      for (i = 1; i <= n; i++) print text[i] ending
      print "# END plumbline" ending
      last = 0
    }
    BEGIN { while ((getline one <lines) > 0) text[++n] = one }
    { line = $0; cr = sub(/\r$/, "", line) }
    NR == 1 && cr { ending = "\r" }
    line == "# BEGIN plumbline" {
      if (within) exit
      within = 1
      if (!seen) block()
      seen = 1
      next
    }
    within { if (line == "# END plumbline") within = 0; next }
    { print; last = NR }
    END {
      if (within) exit 4
      if (!seen) block()
      # 9: the last line is one of others, as it was in the file.
      exit last == NR && NR ? 9 : 0
    }' "$1"
}

# block_lines FILE: the lines between the marks, without CR; ends with 3 if there are no marks
block_lines() {
  awk '{ line = $0; sub(/\r$/, "", line) }
    line == "# BEGIN plumbline" { within = seen = 1; next }
    line == "# END plumbline" { within = 0; next }
    within { print line }
    END { exit seen ? 0 : 3 }' "$1"
}

# bare FILE: whether it has a last line without an end
bare() { [ -s "$1" ] && [ -n "$(tail -c 1 "$1")" ]; }

# merge_block FILE LINES NEW: writes NEW, which exists
merge_block() {
  status=0
  edit_block "$1" "$2" >"$3" || status=$?
  case $status in
    0) ;;
    9) if bare "$1"; then
        head -c -1 "$3" >"$3.cut"
        cat "$3.cut" >"$3"
        rm -f -- "$3.cut"
      fi ;;
    4) fail "$1: the line '# END plumbline' after our lines is gone: put it back, so that lines of others stay" ;;
    *) return "$status" ;;
  esac
}

# real PATH: the file itself, if the path is a symlink
real() { if [ -L "$1" ]; then readlink -f -- "$1"; else printf '%s' "$1"; fi; }

# stage_block: path wanted (yes, or no to remove the block), and its lines in base64 on standard input. Stages the file as it is now with the new lines.
stage_block() {
  file=$(real "$path")
  [ ! -d "$file" ] || fail "$path is a directory: move it away"
  make_folder "${file%/*}"
  note staged "$file"
  new=$(staged "$file")
  rm -rf -- "$new"
  # One line end after the last line, whatever was given.
  lines=$(base64 -d)
  : >"$journal/lines"
  [ "$wanted" = no ] || printf '%s\n' "$lines" >"$journal/lines"
  if [ -e "$file" ]; then copy_file "$file" "$new"; else : >"$new"; fi
  # The whole file was ours: none of its lines is of others.
  if was_whole "$path" || [ ! -e "$file" ]; then
    : >"$journal/empty"
    merge_block "$journal/empty" "$journal/lines" "$new"
  else
    merge_block "$file" "$journal/lines" "$new"
  fi
  sync "$new" 2>/dev/null || sync
}

copy_file() { cp -p --preserve=all -- "$1" "$2" 2>/dev/null || cp -p -- "$1" "$2"; }

# keep_block PATH: notes the former lines, or that there were none
keep_block() {
  file=$(real "$1")
  if was_whole "$1"; then
    keep "$1"
    return 0
  fi
  ! known 'block|noblock' "$1" || return 0
  number=$((number + 1))
  if [ ! -e "$file" ]; then note noblock "$1" absent
  elif (umask 077 && block_lines "$file" >"$kept/$number"); then
    sync "$kept/$number" 2>/dev/null || sync
    note block "$number" "$1"
  elif bare "$file"; then note noblock "$1" bare
  else note noblock "$1"; fi
}

# swap_block PATH: others may have written to the file since it was staged, so it is merged again
swap_block() {
  file=$(real "$1")
  new=$(staged "$file")
  if [ -e "$file" ] && ! was_whole "$1"; then
    block_lines "$new" >"$journal/lines" || : >"$journal/lines"
    merge_block "$file" "$journal/lines" "$new"
    sync "$new" 2>/dev/null || sync
  fi
  mv -fT -- "$new" "$file"
  relabel "$file"
}

# put_block LINES PATH [absent|bare]: makes the block what it was
put_block() {
  file=$(real "$2")
  [ -e "$file" ] || [ -s "$1" ] || return 0
  new=$(staged "$file")
  if [ -e "$file" ]; then copy_file "$file" "$new"; else : >"$new"; : >>"$file"; fi &&
    merge_block "$file" "$1" "$new" || return 1
  if [ "${3:-}" = bare ] && ended_by_us "$file"; then head -c -1 "$new" >"$new.cut" && cat "$new.cut" >"$new" && rm -f -- "$new.cut"; fi
  if [ "${3:-}" = absent ] && [ ! -s "$new" ]; then rm -f -- "$new" "$file"; else mv -fT -- "$new" "$file" && relabel "$file"; fi
}

# Whether our block is the last in the file: then the line end before it is ours, too.
ended_by_us() { tail -n 1 "$1" | grep -q '^# END plumbline.\{0,1\}$'; }
"""

NO_LINES = File("", block=True)
"""Staged in place of a block that is no longer wanted."""


def stage(path: str, block: File) -> str:
    """Writes the file with the new block beside its target."""
    return with_input(
        call("stage_block", path=path, wanted="no" if block is NO_LINES else "yes"), encoded(block), "END-OF-FILE"
    )
