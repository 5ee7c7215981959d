# Before a member starts: one without data becomes a member of the cluster that the others serve, if they serve one.
# Where it was a member before, its data is lost: the others hold it, and it takes the old one's place.
[ ! -d "$data/member/wal" ] || exit 0
rm -f "$data/join.env"
known=$(serving)
if [ -z "$known" ]; then
  [ -e "$founded" ] || exit 0 # nobody serves yet: the first members find each other
  echo "etcd: the data of $name is gone, and no other member serves: bring another one up, or restore a snapshot into" \
    "$data with etcdutl. To begin with an empty store, remove $founded" >&2
  exit 1
fi

# Where one member became two, there is no quorum until the second has started: the list is a member's own.
end=$(($(date +%s) + 300))
while :; do
  if listed=$(ask member list --consistency s 2>&1); then
    set -- $(own "$listed")
    case "${2:-unknown}" in
      unstarted) break ;;
      started) said=$(ask member remove "$1" 2>&1) || true ;;
      unknown) said=$(ask member add "$name" --peer-urls="$peer" 2>&1) || true ;;
    esac
  else
    said=$listed
  fi
  again "the other members do not take $name in"
done
# Of the others only the addresses count; one that has not started yet has no name.
members=$(printf '%s\n' "$listed" | awk -F', ' -v peer="$peer" -v name="$name" '
  { called = $4 == peer ? name : ($3 == "" ? "member-" $1 : $3); printf "%s%s=%s", (NR > 1 ? "," : ""), called, $4 }')
umask 077
printf 'ETCD_INITIAL_CLUSTER=%s\nETCD_INITIAL_CLUSTER_STATE=existing\n' "$members" >"$data/join.env"
