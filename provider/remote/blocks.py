"""Blocks: lines between two marks in a file that other programs write, too."""

from __future__ import annotations

from nodestate import File
from provider.remote.paths import encoded
from provider.remote.shell import call, quoted, with_input

WRITE = r"""
# stage_block: path, and its lines in base64 on standard input. Stages the file as it is now, with these lines between the
# marks at its end; without lines, without marks. The lines of others, mode and owner stay.
stage_block() {
  new=$(staged "$path")
  rm -rf -- "$new"
  if [ -e "$path" ]; then cp -p -- "$path" "$new"; else : >"$new"; fi
  [ ! -e "$path" ] || sed -e '/^# BEGIN plumbline$/,/^# END plumbline$/d' -e '$a\' "$path" >"$new"
  lines=$(base64 -d)
  [ -z "$lines" ] || printf '# BEGIN plumbline\n%s\n# END plumbline\n' "$lines" >>"$new"
  sync "$new" 2>/dev/null || sync
}
"""

NO_LINES = File("", block=True)
"""Staged in place of a block that is no longer wanted."""


def stage(path: str, block: File) -> str:
    """Writes the file with the new block beside its target."""
    return with_input(call("stage_block", path=path), encoded(block), "END-OF-FILE")


def remove(path: str) -> str:
    """Takes the block out of its file, if that exists."""
    return f"if [ -e {quoted(path)} ]; then {call('stage_block', path=path)} </dev/null; {call('swap', path)}; fi"
