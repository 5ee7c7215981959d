# What join.sh and leave.sh share. Set before: etcdctl (the command without endpoints), others (`name=client-url`, by
# spaces), name, peer (this member's peer URL), data (its folder),
# founded (the note that it was a member once).
set -eu

# The other members that have taken part in a quorum since they started: only then do they serve clients.
serving() {
  found=
  for one in $others; do
    $etcdctl --endpoints "${one#*=}" --command-timeout 5s endpoint status >/dev/null 2>&1 &&
      found="$found,${one#*=}"
  done
  printf %s "${found#,}"
}

# Waits a moment for another try; ends the script with $1 and the last words in `said` once $end is over.
again() {
  [ "$(date +%s)" -lt "$end" ] || {
    echo "etcd: $1: $(printf %s "$said" | tail -n 1)" >&2
    exit 1
  }
  sleep 1
}

ask() { $etcdctl --endpoints "$known" --command-timeout 10s "$@"; }

# A line `<id> <started|unstarted>` for this member, nothing where the others do not know it. `$1`: their list.
own() {
  printf '%s\n' "$1" | awk -F', ' -v peer="$peer" '$4 == peer { print $1, $2 }'
}
