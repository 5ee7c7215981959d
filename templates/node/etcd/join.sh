# Runs before a member starts. A member without data joins the cluster that the other members serve, if they serve one.
# If it was a member before, its data is lost: it replaces its former membership and copies the data from the others.
[ ! -d "$data/member/wal" ] || exit 0
rm -f "$data/join.env"
known=$(serving)
if [ -z "$known" ]; then
  [ -e "$founded" ] || exit 0 # no member serves yet: the first members start together
  echo "etcd: the data of $name is gone, and no other member serves: bring another member up, or restore a snapshot into" \
    "$data with etcdutl. To bootstrap an empty etcd, remove $founded" >&2
  exit 1
fi

# When one member becomes two, there is no quorum until the second has started. So the list is a serializable read.
end=$(($(date +%s) + 300))
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
