# A probe: prints this member's name and peer URL as the other members know them. If etcd cannot be asked, because it is down or a
# certificate has expired, that is no difference of the member list: prints what is planned. Variables: name, planned, local.
set -u
if etcd_get "$local/v3/cluster/member/list" '{}' && list=$(etcd_members "$answer") && [ -n "$list" ]; then
  printf '%s\n' "$list" | awk -v name="$name" -v planned="$planned" '
    $1 == name || $2 == planned { print name, $2; found = 1; exit } END { if (!found) print name, "is not in the member list" }'
else
  printf '%s %s\n' "$name" "$planned"
fi
