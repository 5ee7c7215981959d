"""Files and directories: read, staged beside their targets, swapped in by rename."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from nodestate import Directory, File, Unknown
from nodestate.secret import known_text
from provider.remote.shell import call, with_input

SHOWN_BYTES = 64 * 1024
"""A changed public file up to this size is read, so that the difference shows by line."""

WRITE = r"""
# Where the new file waits beside its target: hidden and of another ending, so that no program that watches the folder
# reads it.
staged() { printf '%s/.%s.plumbline-new' "${1%/*}" "${1##*/}"; }

# make_directory: path mode owner group
make_directory() {
  [ -d "$path" ] || mkdir -p -- "$path"
  chown "$owner:$group" "$path"
  chmod "$mode" "$path"
}

# Makes the parent folder, and sets `new` to the free place of the staged file.
prepare_staging() {
  [ -d "${path%/*}/" ] || mkdir -p -- "${path%/*}/"
  new=$(staged "$path")
  rm -rf -- "$new"
}

# Gives the staged file its mode and ownership.
finish_staging() {
  [ ! -d "$path" ] || [ -L "$path" ] || fail "$path is a directory: move it away"
  chown "$owner:$group" "$new"
  chmod "$mode" "$new"
  sync "$new" 2>/dev/null || sync
}

# stage_content: path mode owner group, and the content in base64 on standard input
stage_content() {
  prepare_staging
  (umask 077 && base64 -d >"$new")
  finish_staging
}

# set_mode: path mode owner group; the former ones are noted for a rollback
set_mode() {
  printf 'shape\t%s\t%s\n' "$(stat -c '%a %u:%g' "$path")" "$path" >>"$backup/index"
  chown "$owner:$group" "$path"
  chmod "$mode" "$path"
}

swap() { mv -fT -- "$(staged "$1")" "$1"; }
"""


@dataclass(frozen=True)
class ExpectedFile:
    """How a file should be: its checksum, empty if it is not known; whether its text must stay on the node; and the
    stamp that it had when it was installed."""

    sha256: str
    secret: bool = False
    stamp: str = ""
    block: bool = False


@dataclass(frozen=True)
class FoundPath:
    """One path as `stat` describes it: `kind` in the words of `stat -c %F`, the owner by name and number, and the time of
    its last change in seconds since 1970."""

    kind: str
    mode: str
    owner: str
    group: str
    uid: str
    gid: str
    mtime: str = ""

    def owners(self, wanted: File | Directory) -> tuple[str, str]:
        """Owner and group, as numbers where they are wanted as numbers."""
        return (
            self.uid if wanted.owner.isdigit() else self.owner,
            self.gid if wanted.group.isdigit() else self.group,
        )


def make_directory(path: str, directory: Directory) -> str:
    """Makes a directory, or sets the mode and ownership of an existing one."""
    return call("make_directory", path=path, mode=directory.mode, owner=directory.owner, group=directory.group)


def stage_content(path: str, file: File) -> str:
    """Writes a file's content beside its target."""
    line = call("stage_content", path=path, mode=file.mode, owner=file.owner, group=file.group)
    return with_input(line, encoded(file), "END-OF-FILE")


def set_mode(path: str, file: File) -> str:
    """Sets the mode and ownership of a file in its place."""
    return call("set_mode", path=path, mode=file.mode, owner=file.owner, group=file.group)


def encoded(file: File) -> str:
    """The content in lines of base64. The content is known: an unknown one is never written."""
    text = known_text(file.content)
    assert text is not None and not isinstance(file.content, Unknown)
    return base64.encodebytes(text.encode()).decode()


def decoded(content: str, otherwise: str) -> str:
    """A text from base64, or `otherwise` if it is no text in UTF-8."""
    try:
        return base64.b64decode(content).decode()
    except ValueError:
        return otherwise
