# Runs before a member starts. A member with data has its peer URL changed in the list of the others, if its address has changed.
# A member without data joins the cluster that the other members serve, if they serve one; if it was a member before, its data is
# lost: it replaces its former membership and copies the data from the others.
known=$(serving)
until_seconds 300
if [ -d "$data/member/wal" ]; then
  # A single member changes its own URL, as long as it still runs.
  [ -n "$others" ] || known=$local
  former=$(cat "$founded" 2>/dev/null) || former=
  if [ -n "$known" ]; then
    while :; do
      # The list is a serializable read: it is there before there is a leader. A change of it waits for the leader.
      if output=$(ask member list --consistency s 2>&1); then
        set -- $(find_name "$output")
        [ $# -gt 0 ] || exit 0
        [ "$2" != "$peer" ] || break
        output=$(ask member update "$1" --peer-urls="$peer" 2>&1) || true
      else
        # Without others, it can only be asked while it runs: it has the URL that it started with.
        [ -n "$others" ] || exit 0
      fi
      again "the other members do not change the peer URL of $name to $peer"
    done
    [ ! -e "$founded" ] || printf '%s' "$peer" >"$founded"
  elif [ -n "$others" ] && [ -n "$former" ] && [ "$former" != "$peer" ]; then
    echo "etcd: the peer URL of $name changes from $former to $peer, and no other member serves to note that:" \
      "bring the others up with their former addresses, and change one address at a time" >&2
    exit 1
  fi
  exit 0
fi
rm -f "$data/join.env"
if [ -z "$known" ]; then
  [ -e "$founded" ] || exit 0 # no member serves yet: the first members start together
  echo "etcd: the data of $name is gone, and no other member serves: bring another member up, or restore a snapshot into" \
    "$data with etcdutl. To bootstrap an empty etcd, remove $founded" >&2
  exit 1
fi

# When one member becomes two, there is no quorum until the second has started. So the list is a serializable read.
while :; do
  if listed=$(ask member list --consistency s 2>&1); then
    set -- $(find_self "$listed")
    case "${2:-unknown}" in
      unstarted) break ;;
      started) output=$(ask member remove "$1" 2>&1) || true ;;
      unknown) output=$(ask member add "$name" --peer-urls="$peer" 2>&1) || true ;;
    esac
  else
    output=$listed
  fi
  again "the other members do not add $name"
done
# etcd compares the peer URLs only. A member that has not started yet has no name.
members=$(printf '%s\n' "$listed" | awk -F', ' -v peer="$peer" -v name="$name" '
  { member = $4 == peer ? name : ($3 == "" ? "member-" $1 : $3); printf "%s%s=%s", (NR > 1 ? "," : ""), member, $4 }')
umask 077
printf 'ETCD_INITIAL_CLUSTER=%s\nETCD_INITIAL_CLUSTER_STATE=existing\n' "$members" >"$data/join.env"
