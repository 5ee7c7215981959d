# Shared by the scripts that change the member list. Variables: etcdctl (the command without endpoints), others (`name=client-url`,
# separated by spaces), name, peer (this member's peer URL), local (its client URL on the loopback address), data (its folder),
# founded (a file that exists once it was a member; holds the peer URL that the others know).
set -eu

# Prints the client URLs of the other members that serve. A member serves clients once it has been part of a quorum.
serving() {
  found=
  for member in $others; do
    listens "${member#*=}" && $etcdctl --endpoints "${member#*=}" --command-timeout 5s endpoint status >/dev/null 2>&1 &&
      found="$found,${member#*=}"
  done
  printf %s "${found#,}"
}

# listens URL: fails if nothing does. etcdctl alone would try for its whole time where a connection is refused.
listens() {
  status=0
  curl --silent --insecure --noproxy '*' --connect-timeout 2 --max-time 5 --output /dev/null "$1" || status=$?
  [ "$status" != 7 ]
}

# Seconds since boot: the wall clock may be set meanwhile.
uptime_seconds() { cut -d. -f1 /proc/uptime; }

# until_seconds SECONDS: how long `again` repeats from now on.
until_seconds() { end=$(($(uptime_seconds) + $1)); }

# again MESSAGE: waits a second before the next try; after the time, fails with MESSAGE and the last line of $output.
again() {
  [ "$(uptime_seconds)" -lt "$end" ] || {
    echo "etcd: $1: $(printf %s "$output" | tail -n 1)." \
      "See 'journalctl -u etcd.service' on the other members, then run pulumi up again" >&2
    exit 1
  }
  sleep 1
}

ask() { $etcdctl --endpoints "$known" --command-timeout 10s "$@"; }

# find_self LIST: prints `<id> <started|unstarted>` for this member; nothing if it is not in the other members' list. One of the
# first members that comes after the others have started has a name there, and no client URLs: it has not started.
find_self() {
  printf '%s\n' "$1" | awk -F', ' -v peer="$peer" -v name="$name" '
    $4 == peer || $3 == name { print $1, $5 == "" ? "unstarted" : $2; exit }'
}

# find_name LIST: prints `<id> <peer URL>` of the member with this name.
find_name() {
  printf '%s\n' "$1" | awk -F', ' -v name="$name" '$3 == name { print $1, $4; exit }'
}

# Has the other members remove this one from their list, so that quorum counts the remaining ones.
leave_list() {
  until_seconds 90
  while known=$(serving) && [ -n "$known" ]; do
    if listed=$(ask member list 2>&1); then
      set -- $(find_self "$listed")
      [ $# -gt 0 ] || break
      output=$(ask member remove "$1" 2>&1) && break
    else
      output=$listed
    fi
    again "the other members do not remove $name"
  done
}
