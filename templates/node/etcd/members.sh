# Shared by join.sh and leave.sh. Variables: etcdctl (the command without endpoints), others (`name=client-url`, separated by
# spaces), name, peer (this member's peer URL), data (its folder), founded (a file that exists once it was a member).
set -eu

# Prints the client URLs of the other members that serve. A member serves clients once it has been part of a quorum.
serving() {
  found=
  for member in $others; do
    $etcdctl --endpoints "${member#*=}" --command-timeout 5s endpoint status >/dev/null 2>&1 &&
      found="$found,${member#*=}"
  done
  printf %s "${found#,}"
}

# again MESSAGE: waits a second before the next try; after $end, fails with MESSAGE and the last line of $output.
again() {
  [ "$(date +%s)" -lt "$end" ] || {
    echo "etcd: $1: $(printf %s "$output" | tail -n 1)." \
      "See 'journalctl -u etcd.service' on the other members, then run pulumi up again" >&2
    exit 1
  }
  sleep 1
}

ask() { $etcdctl --endpoints "$known" --command-timeout 10s "$@"; }

# find_self LIST: prints `<id> <started|unstarted>` for this member; nothing if it is not in the other members' list.
find_self() {
  printf '%s\n' "$1" | awk -F', ' -v peer="$peer" '$4 == peer { print $1, $2 }'
}
