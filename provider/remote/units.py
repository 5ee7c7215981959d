"""systemd units: their state, and what is done to them."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from nodestate import Probe
from provider.remote.shell import UPTIME, call, quoted, whole, with_input

UNIT_FOLDER = "/etc/systemd/system/"
JOURNAL_LINES = 20

WRITE = r"""
# verify_units UNIT...: as systemd reads their files from where they are; it has not loaded them yet
verify_units() {
  systemd-analyze verify --help 2>/dev/null | grep -q recursive-errors || return 0
  for unit; do
    said=$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1) || fail "$unit: $said"
  done
}

# note_setting early|late UNIT...: how each is enabled or masked now. A rollback enables a unit once its former file is back,
# and disables it while its new file is still there: so the former are noted before the files, the latter after them.
note_setting() {
  moment=$1
  shift
  for unit; do
    former=$(former_setting "$unit")
    case $moment:$former in
      early:enabled* | early:masked*) ;;
      early:* | late:enabled* | late:masked*) continue ;;
    esac
    known setting "$unit" || note setting "$unit" "$former"
  done
}

former_setting() {
  found=$(systemctl is-enabled "$1" 2>/dev/null) || true
  case $found in '' | not-found) found=- ;; esac
  printf '%s' "$found"
}

# note_running ACT UNIT...: ACT (restarted, stopped or reloaded) for each that runs; those that do not are `started`
note_running() {
  act=$1
  shift
  for unit; do
    state=$(systemctl is-active "$unit" 2>/dev/null) || true
    case $act:$state in
      *:active | *:reloading | *:activating) known 'started|stopped|restarted' "$unit" || note "$act" "$unit" ;;
      restarted:*) known 'started|stopped|restarted' "$unit" || note started "$unit" ;;
    esac
  done
  sync_journal
}

# restart_units UNIT...: restarts or starts them in one transaction, so that systemd orders them; prints those that do
# not run afterwards
restart_units() {
  note_running restarted "$@"
  systemctl reset-failed "$@" 2>/dev/null || true
  systemctl restart "$@" || {
    for unit; do systemctl --quiet is-active "$unit" || echo "$unit"; done
    exit 1
  }
}

reload_unit() {
  systemctl --quiet is-active "$1" || return 0
  note_running reloaded "$1"
  systemctl reload "$1"
}

stop_units() {
  for unit; do
    ours "$unit" || continue
    note_running stopped "$unit"
    systemctl stop "$unit"
  done
}

# set_unit UNIT VERB...: as systemctl knows them; what another component has claimed is left to it
set_unit() {
  unit=$1
  shift
  ours "$unit" || return 0
  for verb; do
    case $verb in
      daemon-reload) systemctl daemon-reload ;;
      unmask)
        systemctl --quiet unmask "$unit"
        systemctl --quiet unmask --runtime "$unit" ;;
      disable)
        systemctl --quiet disable "$unit"
        systemctl --quiet disable --runtime "$unit" ;;
      *) systemctl --quiet "$verb" "$unit" ;;
    esac
  done
}

# remove_links UNIT: takes it out of every target, those until the next boot included
remove_links() {
  systemctl --quiet disable --runtime "$1" 2>/dev/null || true
  for folder in /etc/systemd/system /run/systemd/system; do
    rm -f -- "$folder"/*.wants/"$1" "$folder"/*.requires/"$1"
  done
}

# retire_unit UNIT: takes it out of every target, even if it is masked or its file is gone
retire_unit() {
  ours "$1" || return 0
  note_running stopped "$1"
  systemctl --quiet disable --now "$1" 2>/dev/null || systemctl stop "$1" 2>/dev/null || true
  remove_links "$1"
  rm -f -- "$home/started/$1"
  systemctl reset-failed "$1" 2>/dev/null || true
}

# note_done UNIT: it has reacted
note_done() { [ ! -s "$journal_log" ] || note reacted "$1"; }

# note_reacted UNIT SUMS [FILE...]: it was started, and is ready on its new files. Its invocation and the files' checksums are what a
# read compares. SUMS are those that are known, as sha256sum prints them.
note_reacted() {
  note_done "$1"
  mkdir -p "$home/started"
  invocation=$(systemctl show --property InvocationID --value "$1")
  unit=$1 sums=$2
  shift 2
  {
    printf '%s\n%s' "$invocation" "$sums"
    [ $# = 0 ] || sha256sum -- "$@" 2>/dev/null || true
  } >"$home/started/.$unit.new"
  mv -f -- "$home/started/.$unit.new" "$home/started/$unit"
}

# put_setting UNIT FORMER: enables, disables or masks it as it was
put_setting() {
  now=$(former_setting "$1")
  [ "$now" != "$2" ] || return 0
  case $now in
    masked) systemctl --quiet unmask "$1" ;;
    masked-runtime) systemctl --quiet unmask --runtime "$1" ;;
  esac
  case $2 in
    enabled) systemctl --quiet reenable "$1" ;;
    enabled-runtime) systemctl --quiet disable "$1" && systemctl --quiet enable --runtime "$1" ;;
    masked) systemctl --quiet mask "$1" ;;
    masked-runtime) systemctl --quiet mask --runtime "$1" ;;
    *)
      systemctl --quiet disable "$1" 2>/dev/null || true
      remove_links "$1" ;;
  esac
}
"""

READY = (
    UPTIME
    + r"""
LC_ALL=C
export LC_ALL
# Most of what is waited for comes within a second: until then it is looked for often.
pause() {
  looked=$((looked + 1))
  if [ "$looked" -gt 5 ] || ! sleep 0.2 2>/dev/null; then
    sleep 1
  fi
}

# wait_until_ready: unit url seconds. Ready: the unit is active and the URL answers; without a URL, it stays up. Prints the
# last state and fails once the time is over; sooner if systemd has had to restart the unit three times, or has given it up,
# since such a unit will not be ready by waiting.
wait_until_ready() {
  end=$(($(uptime_seconds) + seconds)) before= former= looked=0
  while :; do
    state=$(systemctl is-active "$unit") || true
    answer=
    if [ "$state" = active ]; then
      if [ -n "$url" ]; then
        answer=$(curl --silent --show-error --fail --insecure --noproxy '*' --max-time 5 "$url" 2>&1) && return 0
      else
        # The same process a second later: it has not died at its start.
        now=$(systemctl show --property InvocationID --value "$unit")
        [ "$now" != "$before" ] || return 0
        before=$now
        looked=5
      fi
    fi
    if [ "$(systemctl show --property NRestarts --value "$unit")" -ge 3 ] 2>/dev/null; then
      answer="restarted three times"
      break
    fi
    # Seen twice: a unit that systemd will restart passes through it.
    [ "$former$state" != failedfailed ] || break
    former=$state
    [ "$(uptime_seconds)" -lt "$end" ] || break
    [ "$state" != failed ] || looked=5
    pause
  done
  echo "$state${answer:+, $answer}"
  return 1
}

# wait_for_probe: command seconds limit, and the expected output in base64 on standard input. Prints the last output, and
# fails, once the time is over.
wait_for_probe() {
  end=$(($(uptime_seconds) + seconds)) expected=$(base64 -d) looked=0
  while :; do
    # Only what it prints on standard output is the fact; ctr warns on the other stream.
    found=$(timeout -k 1 "$limit" sh -c "$command" 2>/dev/null </dev/null) || found="$found (it failed)"
    [ "$found" != "$expected" ] || return 0
    [ "$(uptime_seconds)" -lt "$end" ] || break
    pause
  done
  printf '%s\n' "$found"
  return 1
}
"""
)


def probe_script(probe: Probe, seconds: int) -> str:
    """Runs a probe until it prints what is expected; ends with 1 and what it printed last."""
    expected = base64.encodebytes(probe.expected.encode()).decode()
    line = call("wait_for_probe", command=probe.command, limit=str(probe.seconds), seconds=str(seconds))
    return whole([READY, with_input(line, expected, "END-OF-OUTPUT")])


def wait_ready(unit: str, http: str | None, seconds: int) -> str:
    """Waits until the unit is ready; ends with 1 and the state that it last had."""
    return call("wait_until_ready", unit=unit, url=http or "", seconds=str(seconds))


def ready_script(unit: str, http: str | None, seconds: int) -> str:
    """A script of `wait_ready` alone."""
    return whole([READY, wait_ready(unit, http, seconds)])


def journal_script(unit: str) -> str:
    """Prints the end of the unit's journal."""
    return f"journalctl --unit {quoted(unit)} --lines {JOURNAL_LINES} --no-pager --output cat\n"


def acting(verb: str, units: Sequence[str]) -> str:
    """Restarts, reloads or stops units, and notes it before."""
    return call({"restart": "restart_units", "reload": "reload_unit", "stop": "stop_units"}[verb], *units)


def verifiable(path: str) -> str | None:
    """The argument of systemd-analyze for this path: the path of a unit's file, or the unit's name for a drop-in."""
    name = path.removeprefix(UNIT_FOLDER)
    if name == path:
        return None
    folder, inside, drop_in = name.partition("/")
    if not inside:
        return path
    return folder.removesuffix(".d") if folder.endswith(".d") and drop_in.endswith(".conf") else None


def needs_reload(paths: Sequence[str]) -> bool:
    """Whether systemd has to read its units again after these paths changed."""
    return any(path.startswith(("/etc/systemd/system", "/run/systemd/system")) for path in paths)
