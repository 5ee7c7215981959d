"""systemd units: their state, and what is done to them."""

from __future__ import annotations

from collections.abc import Sequence

from provider.remote.shell import call, quoted, whole

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

# restart_units UNIT...: restarts or starts them in one transaction, so that systemd orders them; prints those that do
# not run afterwards
restart_units() {
  systemctl reset-failed "$@" 2>/dev/null || true
  systemctl restart "$@" || {
    for unit; do systemctl --quiet is-active "$unit" || echo "$unit"; done
    exit 1
  }
}

reload_unit() {
  if systemctl --quiet is-active "$1"; then systemctl reload "$1"; fi
}

# retire_unit UNIT: stops it and takes it out of every target, even if it is masked or its file is gone
retire_unit() {
  systemctl --quiet disable --now "$1" 2>/dev/null || systemctl stop "$1" 2>/dev/null || true
  rm -f -- /etc/systemd/system/*.wants/"$1" /etc/systemd/system/*.requires/"$1"
  systemctl reset-failed "$1" 2>/dev/null || true
}
"""

READY = r"""
LC_ALL=C
export LC_ALL
# wait_until_ready: unit url seconds. Ready: the unit is active and the URL answers; without a URL, it stays up. Prints the
# last state and fails once the time is over; sooner if systemd has had to restart the unit three times, since a unit that
# does not stay up will not be ready by waiting.
wait_until_ready() {
  end=$(($(date +%s) + seconds)) before=
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
      fi
    fi
    if [ "$(systemctl show --property NRestarts --value "$unit")" -ge 3 ] 2>/dev/null; then
      answer="restarted three times"
      break
    fi
    [ "$(date +%s)" -lt "$end" ] || break
    sleep 1
  done
  echo "$state${answer:+, $answer}"
  return 1
}
"""


def ready_script(unit: str, http: str | None, seconds: int) -> str:
    """Waits until the unit is ready; ends with 1 and the state that it last had."""
    return whole([READY, call("wait_until_ready", unit=unit, url=http or "", seconds=str(seconds))])


def journal_script(unit: str) -> str:
    """Prints the end of the unit's journal."""
    return f"journalctl --unit {quoted(unit)} --lines {JOURNAL_LINES} --no-pager --output cat\n"


def setting(unit: str, verb: str) -> list[str]:
    """Enables, disables or unmasks a unit; or makes systemd read all units' files again."""
    if verb == "daemon-reload":
        return ["systemctl daemon-reload"]
    lines = [f"systemctl --quiet {verb} {quoted(unit)}"]
    return [*lines, f"systemctl --quiet unmask --runtime {quoted(unit)}"] if verb == "unmask" else lines


def acting(verb: str, units: Sequence[str]) -> str:
    """Restarts, reloads or stops units."""
    return call({"restart": "restart_units", "reload": "reload_unit"}.get(verb, f"systemctl {verb}"), *units)


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
    return any(path.startswith(UNIT_FOLDER) for path in paths)
