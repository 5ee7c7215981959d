"""System users: those that a file of ours below /etc/sysusers.d declares exist before anything is written in their name."""

from __future__ import annotations

from collections.abc import Iterable

from provider.remote.shell import call

FOLDER = "/etc/sysusers.d/"

WRITE = r"""
# make_users FILE...: the users and groups that these files declare, from their staged texts where they change. Those that exist
# stay as they are, whatever their number. None is ever removed: files of another program may be theirs by now.
make_users() {
  for one; do
    new=$(staged "$one")
    [ -f "$new" ] || new=$one
    command -v systemd-sysusers >/dev/null || fail "there is no systemd-sysusers: it makes the users that $one declares"
    why=$(systemd-sysusers "$new" 2>&1) ||
      fail "the users that $one declares cannot be made: $(printf '%s' "$why" | tail -n 1)"
  done
}
"""


def declaring(files: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that declare users, in order."""
    return tuple(sorted(path for path in files if path.startswith(FOLDER)))


def make(files: Iterable[str]) -> list[str]:
    """Makes the users that those of the files declare which are below FOLDER; no line if there are none."""
    named = declaring(files)
    return [call("make_users", *named)] if named else []
