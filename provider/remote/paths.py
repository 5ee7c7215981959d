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

# make_folder DIRECTORY: with its parents; each that was not there is noted
make_folder() {
  [ ! -d "$1/" ] || return 0
  case $1 in */*) make_folder "${1%/*}" ;; esac
  note made "$1"
  mkdir -- "$1"
}

# make_directory: path mode owner group. An existing one gets its shape later, by `reshape`.
make_directory() {
  [ ! -d "$path" ] || return 0
  make_folder "$path"
  chown "$owner:$group" "$path"
  chmod "$mode" "$path"
  relabel "$path"
}

# The node's SELinux policy decides the label of a new file by its path.
relabel() {
  if [ -e /sys/fs/selinux/enforce ] && command -v restorecon >/dev/null; then restorecon -- "$@" 2>/dev/null || true; fi
}

# prepare_staging: path mode owner group; makes the parent folder, and an empty file `new` beside the target with its shape,
# and with the attributes and access lists of the former file. It is for each of many files, and each process takes time: none runs
# for what a new file of root's already is.
prepare_staging() {
  [ ! -d "$path" ] || [ -L "$path" ] || fail "$path is a directory: move it away"
  folder=${path%/*}
  make_folder "$folder"
  new=$folder/.${path##*/}.plumbline-new
  note staged "$path"
  if [ -e "$new" ] || [ -L "$new" ]; then rm -rf -- "$new"; fi
  umask 077
  : >"$new"
  umask 022
  shaped=
  if [ -f "$path" ] && [ ! -L "$path" ]; then
    cp --attributes-only --preserve=mode,xattr -- "$path" "$new" 2>/dev/null || true
    if [ -e /sys/fs/selinux/enforce ]; then chcon --reference="$path" -- "$new" 2>/dev/null || true; fi
    shaped=yes
  fi
  # A folder with the setgid bit gives its group to new files.
  if [ -n "$shaped" ] || [ "$owner:$group" != root:root ] || [ -g "$folder/" ]; then chown "$owner:$group" "$new"; fi
  chmod "$mode" "$new"
  printf '%s\0' "$new" >>"$journal/unsynced"
}

# sync_staged: the staged files survive a power failure from here on
sync_staged() {
  [ ! -s "$journal/unsynced" ] || xargs -0 sync <"$journal/unsynced" 2>/dev/null || sync
  rm -f -- "$journal/unsynced"
}

# stage_content: path mode owner group, and the content in base64 on standard input
stage_content() {
  prepare_staging
  base64 -d >"$new"
}

# reshape: path mode owner group; the former shape has been noted
reshape() {
  chown "$owner:$group" "$path"
  chmod "$mode" "$path"
  relabel "$path"
}

swap() {
  mv -fT -- "${1%/*}/.${1##*/}.plumbline-new" "$1"
  relabel "$1"
}

# remove_file PATH: a directory that somebody put there in its place is theirs
remove_file() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then printf 'kept\t%s\tit is a directory now\n' "$1"; else rm -f -- "$1"; fi
}

# keep_directory DIRECTORY: notes the shape of one that is about to be removed
keep_directory() {
  [ ! -d "$1" ] || [ -L "$1" ] || note unmade $(stat -c '%a %u:%g' -- "$1") "$1"
}

# keep_foreign PATH: notes where it will be moved; move_aside PATH does it
keep_foreign() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  mkdir -p "$home/removed/$component"
  chmod 0700 "$home/removed"
  place=$((${place:-0} + 1))
  while [ -e "$home/removed/$component/$place-${1##*/}" ] || [ -L "$home/removed/$component/$place-${1##*/}" ]; do
    place=$((place + 1))
  done
  note moved "$place" "$1"
}

move_aside() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  to=$(awk -F'\t' -v path="$1" '$1 == "moved" && $3 == path { n = $2 } END { print n }' "$journal_log")
  mv -T -- "$1" "$home/removed/$component/$to-${1##*/}"
  printf 'aside\t%s\t%s\n' "$1" "$home/removed/$component/$to-${1##*/}"
}
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
    """Makes a directory that is not there."""
    return call("make_directory", path=path, mode=directory.mode, owner=directory.owner, group=directory.group)


def stage_content(path: str, file: File) -> str:
    """Writes a file's content beside its target."""
    line = call("stage_content", path=path, mode=file.mode, owner=file.owner, group=file.group)
    return with_input(line, encoded(file), "END-OF-FILE")


def reshape(path: str, shape: File | Directory) -> str:
    """Sets mode, ownership and label of a file or directory in its place."""
    return call("reshape", path=path, mode=shape.mode, owner=shape.owner, group=shape.group)


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
