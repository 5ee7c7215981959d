# What changes a node. Every file comes to stand beside its target first, and into its place by rename; what stood there
# is kept until the change is proven. A run that breaks leaves notes, by which the next one finishes or undoes it:
#   staged/CONCERN   the paths of new files that are not in their place
#   pending/CONCERN  ACTION:UNIT, one for each unit whose files are new and which has not reacted
#   backup/CONCERN   what stood there before, with an index
LC_ALL=C
export LC_ALL
umask 022
tab=$(printf '\t')
backup=$home/backup/$concern

fail() {
  echo "$1" >&2
  exit 1
}

# A run that was cut off may still be at work here: no two at once.
lock() {
  mkdir -p /run/plumbline "$home/staged" "$home/pending" "$home/backup"
  chmod 0700 /run/plumbline "$home" "$home/staged" "$home/pending" "$home/backup"
  command -v flock >/dev/null || return 0
  exec 9>"/run/plumbline/$concern.lock"
  flock -w "$1" 9 || fail "an earlier run is still at work on this node: wait until it is through, then run pulumi again"
}

# Hidden and of another ending: no program that watches the folder takes it for one of its own.
staged() { printf '%s/.%s.plumbline-new' "${1%/*}" "${1##*/}"; }

# Removes the new files that a broken run left.
sweep() {
  [ -e "$home/staged/$concern" ] || return 0
  while IFS= read -r path; do rm -f -- "$(staged "$path")"; done <"$home/staged/$concern"
  rm -f -- "$home/staged/$concern"
}

# begin: reads the paths that are about to be staged
begin() {
  sweep
  cat >"$home/staged/$concern.new"
  mv -f "$home/staged/$concern.new" "$home/staged/$concern"
  trap sweep EXIT
}

# owe ACTION:UNIT...: staging is complete, from now on these units are owed their reaction
owe() {
  trap - EXIT
  rm -rf "$home/downloads/$concern"
  [ $# -gt 0 ] || return 0
  echo "$@" >"$home/pending/.$concern"
  sync "$home/pending/.$concern" 2>/dev/null || sync
  mv -f "$home/pending/.$concern" "$home/pending/$concern"
}

# directory PATH MODE OWNER GROUP
directory() {
  [ -d "$1" ] || mkdir -p -- "$1"
  chown "$3:$4" "$1"
  chmod "$2" "$1"
}

place() {
  [ ! -d "$1" ] || [ -L "$1" ] || fail "$1 is a directory: move it away"
  chown "$3:$4" "$new"
  chmod "$2" "$new"
  sync "$new" 2>/dev/null || sync
}

# content PATH MODE OWNER GROUP, and the text in base64 on standard input
content() {
  [ -d "${1%/*}/" ] || mkdir -p -- "${1%/*}/"
  new=$(staged "$1")
  rm -rf -- "$new"
  (umask 077 && base64 -d >"$new")
  place "$@"
}

# block PATH, and its lines in base64 on standard input: the file as it stands, with these between our marks at its end;
# without lines, without marks. What others write in it stays, as do its mode and owner.
block() {
  new=$(staged "$1")
  rm -rf -- "$new"
  if [ -e "$1" ]; then cp -p -- "$1" "$new"; else : >"$new"; fi
  [ ! -e "$1" ] || sed -e '/^# BEGIN plumbline$/,/^# END plumbline$/d' -e '$a\' "$1" >"$new"
  lines=$(base64 -d)
  [ -z "$lines" ] || printf '# BEGIN plumbline\n%s\n# END plumbline\n' "$lines" >>"$new"
  sync "$new" 2>/dev/null || sync
}

# download PATH MODE OWNER GROUP URL SHA256 MEMBER; prints the checksum of the file
download() {
  [ -d "${1%/*}/" ] || mkdir -p -- "${1%/*}/"
  mkdir -p "$home/downloads/$concern"
  new=$(staged "$1")
  got=$home/downloads/$concern/$6
  rm -rf -- "$new"
  if [ ! -e "$got" ]; then
    command -v curl >/dev/null || fail "there is no curl on this node: downloads need it"
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 15 --max-time 1800 --output "$got.part" "$5" ||
      fail "downloading $5 failed"
    sum=$(sha256sum <"$got.part" | cut -d' ' -f1)
    [ "$sum" = "$6" ] || fail "$5 has sha256 $sum, pinned is $6"
    mv -f "$got.part" "$got"
  fi
  if [ -n "$7" ]; then tar -xOf "$got" -- "$7" >"$new" || fail "$5 has no member $7"; else cp "$got" "$new"; fi
  place "$@"
  printf 'installed\t%s\t%s\n' "$1" "$(sha256sum <"$new" | cut -d' ' -f1)"
}

# keeping fresh|more: `more` adds to what a broken run kept, since only that was proven
keeping() {
  [ "$1" = more ] || rm -rf "$backup"
  mkdir -p "$backup"
  chmod 0700 "$backup"
  touch "$backup/index"
  number=$(wc -l <"$backup/index")
}

# A hard link, where the file system has them: the file itself stays as it is, only its name goes to another.
copy() { ln "$1" "$2" 2>/dev/null || cp -a "$1" "$2"; }

keep() {
  [ "$number" = 0 ] || ! cut -f3 "$backup/index" | grep -qxF -- "$1" || return 0
  number=$((number + 1))
  if [ -e "$1" ] || [ -L "$1" ]; then copy "$1" "$backup/$number"; fi
  printf 'file\t%s\t%s\n' "$number" "$1" >>"$backup/index"
}

# shape PATH MODE OWNER GROUP
shape() {
  printf 'shape\t%s\t%s\n' "$(stat -c '%a %u:%g' "$1")" "$1" >>"$backup/index"
  chown "$3:$4" "$1"
  chmod "$2" "$1"
}

swap() { mv -fT -- "$(staged "$1")" "$1"; }

# settle DIRECTORY...: what was swapped in these stays, should the power fail
settle() {
  rm -f -- "$home/staged/$concern"
  sync "$@" 2>/dev/null || sync
}

# verify UNIT...: as systemd reads them from where they stand; it has not loaded them yet
verify() {
  systemd-analyze verify --help 2>/dev/null | grep -q recursive-errors || return 0
  for unit; do
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1) || fail "$unit: $said"
  done
}

# Puts back what was kept.
restore() {
  [ -s "$backup/index" ] || return 0
  while IFS="$tab" read -r kind what path; do
    if [ "$kind" = shape ]; then
      chown "${what#* }" "$path"
      chmod "${what% *}" "$path"
    elif [ -e "$backup/$what" ] || [ -L "$backup/$what" ]; then
      new=$(staged "$path")
      rm -rf -- "$new"
      copy "$backup/$what" "$new"
      mv -fT -- "$new" "$path"
    else
      rm -f -- "$path"
    fi
  done <"$backup/index"
}

# Nothing is owed any more.
finish() { rm -rf "$backup" "$home/pending/$concern" "$home/pending/.$concern" "$home/staged/$concern"; }

# Restarts (or starts) units in one transaction, so that systemd orders them; prints those that do not run.
restart() {
  systemctl reset-failed "$@" 2>/dev/null || true
  systemctl restart "$@" || {
    for unit; do systemctl --quiet is-active "$unit" || echo "$unit"; done
    exit 1
  }
}

reload() {
  if systemctl --quiet is-active "$1"; then systemctl reload "$1"; fi
}

# depart UNIT: stops it and takes it out of every target, masked or with its file gone as it may be
depart() {
  systemctl --quiet disable --now "$1" 2>/dev/null || systemctl stop "$1" 2>/dev/null || true
  rm -f -- /etc/systemd/system/*.wants/"$1" /etc/systemd/system/*.requires/"$1"
  systemctl reset-failed "$1" 2>/dev/null || true
}

# remove UNIT... -- FILE... -- DIRECTORY...: ends and removes what a concern made; what is gone already is no failure
remove() {
  left=0
  while [ "$1" != -- ]; do
    depart "$1"
    shift
  done
  shift
  while [ "$1" != -- ]; do
    [ -d "$1" ] && [ ! -L "$1" ] || rm -f -- "$1" || left=1
    shift
  done
  shift
  systemctl daemon-reload || true
  for path; do rmdir -- "$path" 2>/dev/null || true; done
  sweep
  finish
  rm -rf "$home/downloads/$concern"
  rmdir "$home"/* "$home" 2>/dev/null || true
  return "$left"
}
