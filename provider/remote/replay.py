"""Undoes what a journal names: one replay backwards, entry by entry, that goes on after an entry that fails.

It is the same for a change that fails and for a run that broke, at any act, and gives the same if it runs twice. It
prints what it did, tabbed; `undone` parses that.

    back PATH            the former file, block or shape is there again
    removed PATH         what was added is gone
    restarted UNIT, reloaded UNIT, stopped UNIT, enabled UNIT
    failed SUBJECT WHY   could not be undone; the journal stays
"""

from __future__ import annotations

from dataclasses import dataclass, field

WRITE = r"""
# backwards STAGE: the lines to undo, last first; of several about one thing only the first line that was written. With
# `stage`, those of the last run only.
backwards() {
  entries | awk -F'\t' -v stage="$1" '
    function kind(act) {
      if (act == "absent") return "file"
      if (act == "noblock") return "block"
      if (act == "stopped" || act == "restarted") return "started"
      return act
    }
    { lines[NR] = $0 }
    $1 == "run" { start = NR }
    {
      subject = $2
      if ($1 == "file" || $1 == "block" || $1 == "shape" || $1 == "unmade" || $1 == "moved") subject = $NF
      key = kind($1) SUBSEP subject
      if (key in seen) lines[NR] = ""
      seen[key]
    }
    END { for (i = NR; i >= (stage == "stage" ? start : 1); i--) if (lines[i] != "") print lines[i] }'
}

# same FILE FILE: whether both are alike, content and shape
same() {
  [ -f "$1" ] && [ -f "$2" ] && [ ! -L "$1" ] && [ ! -L "$2" ] && cmp -s -- "$1" "$2" &&
    [ "$(stat -c '%a %u:%g' -- "$1")" = "$(stat -c '%a %u:%g' -- "$2")" ]
}

# put_file N PATH: two names of one file are left as they are: mv would refuse them
put_file() {
  [ -e "$kept/$1" ] || [ -L "$kept/$1" ] || { echo "its copy is gone" && return 1; }
  [ "$(stat -c %d:%i -- "$kept/$1")" != "$(stat -c %d:%i -- "$2" 2>/dev/null)" ] || return 0
  ! same "$kept/$1" "$2" || return 0
  if [ -d "$2" ] && [ ! -L "$2" ] && [ ! -d "$kept/$1" ]; then echo "a directory is there now" && return 1; fi
  make_folder "${2%/*}" && rm -rf -- "$(staged "$2")" && copy "$kept/$1" "$(staged "$2")" &&
    mv -fT -- "$(staged "$2")" "$2" && printf 'back\t%s\n' "$2" >&3
}

# put_shape MODE UID:GID PATH
put_shape() {
  [ -e "$3" ] || return 0
  [ "$(stat -L -c '%a %u:%g' -- "$3")" != "$1 $2" ] || return 0
  chown "$2" "$3" && chmod "$1" "$3" && printf 'back\t%s\n' "$3" >&3
}

put_directory() {
  [ ! -d "$3" ] || return 0
  mkdir -p -- "$3" && chown "$2" "$3" && chmod "$1" "$3" && printf 'back\t%s\n' "$3" >&3
}

remove_added() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  if [ -d "$1" ] && [ ! -L "$1" ]; then return 0; fi
  rm -f -- "$1" && printf 'removed\t%s\n' "$1" >&3
}

# undo_block KEPT-LINES PATH [absent|bare]
undo_block() {
  file=$(real "$2")
  if [ -e "$file" ]; then
    if was=$(block_lines "$file" | sha256sum && block_lines "$file" >/dev/null); then
      [ -s "$1" ] && [ "$was" = "$(sha256sum <"$1")" ] && return 0
    else
      [ -s "$1" ] || return 0
    fi
  fi
  put_block "$1" "$2" "${3:-}" && printf 'back\t%s\n' "$2" >&3
}

put_foreign() {
  from=$home/removed/$component/$1-${2##*/}
  [ -e "$from" ] || [ -L "$from" ] || return 0
  [ ! -e "$2" ] && [ ! -L "$2" ] || { echo "something is there now; it is kept at $from" && return 1; }
  mv -T -- "$from" "$2" && printf 'back\t%s\n' "$2" >&3
}

# undo ACT FIELD...: one line
undo() {
  case $1 in
    staged) rm -rf -- "$(staged "$2")" ;;
    file) put_file "$2" "$3" ;;
    absent) remove_added "$2" ;;
    block) undo_block "$kept/$2" "$3" ;;
    noblock) undo_block /dev/null "$2" "${3:-}" ;;
    shape) put_shape "$2" "$3" "$4" ;;
    made) rmdir -- "$2" 2>/dev/null || true ;;
    unmade) put_directory "$2" "$3" "$4" ;;
    moved) put_foreign "$2" "$3" ;;
    setting) [ "$(former_setting "$2")" = "$3" ] || { put_setting "$2" "$3" && printf 'enabled\t%s\n' "$2" >&3; } ;;
    started)
      [ "$(systemctl is-active "$2" 2>/dev/null || true)" = inactive ] || {
        systemctl stop "$2" && printf 'stopped\t%s\n' "$2" >&3
      }
      rm -f -- "$home/started/$2"
      systemctl reset-failed "$2" 2>/dev/null || true ;;
    claimed) unclaim "$2" "$3" ;;
  esac
}

# undo_all STAGE: each line by itself
undo_all() {
  : >"$locks/$component.failed"
  backwards "$1" | while IFS="$tab" read -r act one two three; do
    why=$(undo "$act" "$one" "$two" "$three" 2>&1) || {
      for subject in "$one" "$two" "$three"; do case $subject in /* | *.*) break ;; esac; done
      printf 'failed\t%s\t%s\n' "$subject" "$(printf '%s' "$why" | tail -n 1)" | tee -a "$locks/$component.failed" >&3
    }
  done
}

# undo_path PATH: what a broken run did to this path
undo_path() {
  exec 3>&1
  backwards whole | awk -F'\t' -v path="$1" '$2 == path || $NF == path || $3 == path' |
    while IFS="$tab" read -r act one two three; do
      case $act in file | absent | block | noblock | shape | unmade) undo "$act" "$one" "$two" "$three" 3>&1 ;; esac
    done
}

# undo_stage: nothing is in its place yet. What the last run staged goes, and so do its lines.
undo_stage() {
  exec 3>&1
  undo_all stage
  awk -F'\t' '{ lines[NR] = $0 } $1 == "run" { start = NR }
    END { for (i = 1; i < start; i++) print lines[i] }' "$journal_log" >"$journal/rest" || true
  if [ -s "$journal/rest" ]; then
    sync "$journal/rest" 2>/dev/null || sync
    mv -f -- "$journal/rest" "$journal_log"
  elif [ ! -s "$locks/$component.failed" ]; then
    close_journal
  fi
}

# replay [UNIT...]: undoes everything, reloads systemd, and restarts or reloads what had been. These units are left alone.
replay() {
  exec 3>&1
  if [ ! -s "$journal_log" ]; then
    printf 'nothing\n'
    return 0
  fi
  touched=$(awk -F'\t' '
    $1 == "started" || $1 == "stopped" || $1 == "restarted" {
      if (!($2 in first)) first[$2] = $1
    }
    $1 == "reloaded" { reload[$2] }
    END {
      for (unit in first) if (first[unit] != "started") print "restart\t" unit
      for (unit in reload) if (!(unit in first)) print "reload\t" unit
    }' "$journal_log" | sort)
  undo_all whole
  if command -v systemctl >/dev/null; then systemctl daemon-reload || true; fi
  restarting=
  for unit in $(printf '%s\n' "$touched" | sed -n "s/^restart$tab//p"); do
    case " $* " in *" $unit "*) ;; *) restarting="$restarting $unit" ;; esac
  done
  if [ -n "$restarting" ]; then
    systemctl reset-failed $restarting 2>/dev/null || true
    why=$(systemctl restart $restarting 2>&1) || true
    for unit in $restarting; do
      if systemctl --quiet is-active "$unit"; then printf 'restarted\t%s\n' "$unit"
      else printf 'failed\t%s\tit does not start\n' "$unit"; fi
    done
  fi
  for unit in $(printf '%s\n' "$touched" | sed -n "s/^reload$tab//p"); do
    systemctl --quiet is-active "$unit" || continue
    if systemctl reload "$unit" 2>/dev/null; then printf 'reloaded\t%s\n' "$unit"
    else printf 'failed\t%s\tit does not reload\n' "$unit"; fi
  done
  [ -s "$locks/$component.failed" ] || close_journal
  rm -f -- "$locks/$component.failed"
  printf 'replayed\n'
}
"""


@dataclass
class Undone:
    """The acts of a replay, and those that it could not do."""

    complete: bool = False
    """Whether it came to its end."""

    back: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    reloaded: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    enabled: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """The acts that were done, in words."""
        parts = []
        if self.back:
            parts.append("the previous files were put back")
        elif self.removed:
            parts.append("the new files were removed again")
        for units, how in (
            (self.restarted, "restarted"),
            (self.reloaded, "reloaded"),
            (self.enabled, "enabled or disabled as before"),
            (self.stopped, "stopped, as found"),
        ):
            if units:
                parts.append(f"{', '.join(units)} {how}")
        text = " and ".join(parts[:2]) + "".join(f"; {one}" for one in parts[2:])
        if self.failed:
            listed = "; ".join(f"{one} ({why})" if why else one for one, why in sorted(self.failed.items()))
            text = f"{text}; could not be put back: {listed}" if text else f"could not be put back: {listed}"
        return text or "nothing had to be put back"


def undone(printed: str) -> Undone:
    """Parses the output of a replay."""
    found = Undone()
    lists = {name: getattr(found, name) for name in ("back", "removed", "restarted", "reloaded", "stopped", "enabled")}
    for line in printed.splitlines():
        kind, *fields = line.split("\t")
        if kind in lists and fields and fields[0] not in lists[kind]:
            lists[kind].append(fields[0])
        elif kind == "failed" and fields:
            found.failed[fields[0]] = fields[1] if len(fields) > 1 else ""
        elif kind in ("replayed", "nothing"):
            found.complete = True
    return found
