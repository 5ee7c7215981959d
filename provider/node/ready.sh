# ready UNIT URL SECONDS: waits until the unit is active and the URL answers; without a URL, until it stays up.
# Fails with the last answer once time is over; sooner where systemd has had to restart the unit three times: what does
# not stay up will not be ready by waiting.
LC_ALL=C
export LC_ALL
ready() {
  end=$(($(date +%s) + $3)) before=
  while :; do
    state=$(systemctl is-active "$1") || true
    answer=
    if [ "$state" = active ]; then
      if [ -n "$2" ]; then
        answer=$(curl --silent --show-error --fail --insecure --max-time 5 "$2" 2>&1) && return 0
      else
        # The same process a second later: it has not died at its start.
        now=$(systemctl show --property InvocationID --value "$1")
        [ "$now" != "$before" ] || return 0
        before=$now
      fi
    fi
    if [ "$(systemctl show --property NRestarts --value "$1")" -ge 3 ] 2>/dev/null; then
      answer="restarted three times"
      break
    fi
    [ "$(date +%s)" -lt "$end" ] || break
    sleep 1
  done
  echo "$state${answer:+, $answer}"
  return 1
}
